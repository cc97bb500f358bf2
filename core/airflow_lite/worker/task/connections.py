"""`var` and `conn` in templates: Variables and Connections from the environment."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow_lite.authoring.variable import Variable
from airflow_lite.errors import AirflowException
from airflow_lite.secrets_masker import mask_secret

_NOTHING: Any = object()


class _Variables:
    """`var.value.NAME` and `var.json.NAME`, from AIRFLOW_VAR_NAME."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def get(self, name: str, default_var: Any = _NOTHING) -> Any:
        """Return a Variable; raise KeyError if there is none and no default."""
        if default_var is _NOTHING:
            return Variable.get(name, deserialize_json=self._as_json)
        return Variable.get(name, default_var, self._as_json)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)


class Variables:
    """`var`."""

    def __init__(self) -> None:
        self.value = _Variables(as_json=False)
        self.json = _Variables(as_json=True)


@dataclass(frozen=True)
class Connection:
    """One connection, from a URI or JSON in AIRFLOW_CONN_NAME."""

    conn_id: str
    conn_type: str = ""
    host: str | None = None
    schema: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    port: int | None = None
    extra: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Have its secrets masked, as in Airflow."""
        mask_secret(self.password)
        if self.extra:
            mask_secret(_json_object(self.extra))

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """The extra as a dict."""
        return json.loads(self.extra) if self.extra else {}

    @classmethod
    def from_text(cls, conn_id: str, text: str) -> Connection:
        """Read a URI, or a JSON object with Airflow's keys."""
        if text.lstrip().startswith("{"):
            return cls._from_json(conn_id, json.loads(text))
        uri = urlsplit(text)
        extra = dict(parse_qsl(uri.query, keep_blank_values=True))
        extra_text = extra.pop("__extra__", None) or (json.dumps(extra) if extra else None)
        return cls(
            conn_id,
            uri.scheme.replace("-", "_"),
            unquote(uri.hostname) if uri.hostname else None,
            unquote(uri.path[1:]) or None,
            unquote(uri.username) if uri.username else None,
            unquote(uri.password) if uri.password else None,
            uri.port,
            extra_text,
        )

    @classmethod
    def _from_json(cls, conn_id: str, data: dict[str, Any]) -> Connection:
        extra = data.get("extra")
        if isinstance(extra, dict):
            extra = json.dumps(extra)
        return cls(
            conn_id,
            data.get("conn_type") or "",
            data.get("host"),
            data.get("schema"),
            data.get("login"),
            data.get("password"),
            int(data["port"]) if data.get("port") else None,
            extra,
        )


def _json_object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # who reads it is told
        return None


class Connections:
    """`conn.NAME`."""

    def get(self, conn_id: str, default_conn: Any = _NOTHING) -> Any:
        """Return a connection; raise `AirflowException` if there is none and no default."""
        text = os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}")
        if text is None:
            if default_conn is _NOTHING:
                variable = f"AIRFLOW_CONN_{conn_id.upper()}"
                raise AirflowException(
                    f"The connection {conn_id!r} is not defined. Set {variable}."
                )
            return default_conn
        return Connection.from_text(conn_id, text)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)
