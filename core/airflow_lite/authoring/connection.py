"""Connection: how to reach another system."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from airflow_lite.authoring.secrets.base import CONNECTION_PREFIX
from airflow_lite.authoring.secrets.search import search
from airflow_lite.errors import AirflowException, AirflowNotFoundException
from airflow_lite.secrets_masker import mask_secret
from airflow_lite.task_logger import task_logger

_NOTHING: Any = object()
_EXTRA_KEY = "__extra__"
_FIELDS = (*("conn_id", "conn_type", "description", "host", "login", "password", "schema", "port"),)


class Connection:
    """One connection, of single values or of a URI.

    Fields, methods and what becomes of a URI are those of Airflow 2.10. Passwords are masked.
    """

    #: Makes the hook of a connection: a plugin that has hooks puts it here.
    make_hook: Callable[..., Any] | None = None

    def __init__(
        self,
        conn_id: str | None = None,
        conn_type: str | None = None,
        description: str | None = None,
        host: str | None = None,
        login: str | None = None,
        password: str | None = None,
        schema: str | None = None,
        port: int | None = None,
        extra: str | dict[str, Any] | None = None,
        uri: str | None = None,
    ) -> None:
        if uri and (conn_type or host or login or password or schema or port or extra):
            raise AirflowException(
                f"Connection {conn_id!r} has a uri and single values. Give one or the other."
            )
        self.conn_id, self.description = conn_id, description
        self.conn_type, self.host, self.login = conn_type, host, login
        self.password, self.schema, self.port = password, schema, port
        self.extra: str | None = json.dumps(extra) if isinstance(extra, dict) else extra
        if uri:
            self._read_uri(uri)
        if self.password:
            _mask_password(self.password)
        _mask_extra(self.extra)

    @classmethod
    def get_connection_from_secrets(cls, conn_id: str, default_conn: Any = _NOTHING) -> Any:
        """Return a connection, looked for in Airflow's order of places.

        Raises `AirflowNotFoundException` if there is none and no default.
        """
        connection = search().connection(conn_id)
        if connection is not None:
            return connection
        if default_conn is not _NOTHING:
            return default_conn
        raise AirflowNotFoundException(
            f"The connection {conn_id!r} is not defined. Make it with `airflow-lite connections"
            f" add`, or set {CONNECTION_PREFIX}{conn_id.upper()}."
        )

    @classmethod
    def read(cls, conn_id: str, text: str) -> Connection:
        """Make one of its URI or JSON; raise `ValueError` or `TypeError`."""
        text = text.strip()
        return cls.from_json(text, conn_id) if text[:1] == "{" else cls(conn_id, uri=text)

    @classmethod
    def from_json(cls, value: str, conn_id: str | None = None) -> Connection:
        """Read a JSON object with Airflow's keys; raise `ValueError` or `TypeError`."""
        fields = json.loads(value)
        if fields.get("conn_type"):
            fields["conn_type"] = _normal_type(fields["conn_type"])
        port = fields.pop("port", None)
        try:
            fields["port"] = int(port) if port else None
        except ValueError:
            raise ValueError(
                f"Expected integer value for `port`, but got {port!r} instead"
            ) from None
        return cls(conn_id, **fields)

    def _read_uri(self, uri: str) -> None:
        if uri.count("://") > 2:
            raise ValueError("its URI has more than two '://'")
        kind = urlsplit(uri).scheme
        has_protocol = uri.count("://") == 2
        rest = uri.replace(f"{kind}://", "" if has_protocol else "//")
        if has_protocol and set("@:") & set(rest.split("://", 1)[0]):
            raise ValueError("its URI has something before the second '://' that is no protocol")
        parts = urlsplit(rest)
        self.conn_type, self.host, self.port = _normal_type(kind), _host_of(parts), parts.port
        if self.host and has_protocol:
            self.host = f"{parts.scheme}://{self.host}"
        self.schema = unquote(parts.path[1:])
        self.login = parts.username and unquote(parts.username)
        self.password = parts.password and unquote(parts.password)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if query:
            self.extra = query.get(_EXTRA_KEY) or json.dumps(query)

    def get_uri(self) -> str:
        """Return it as a URI, from which a Connection can be made again."""
        kind = f"{self.conn_type.lower().replace('_', '-')}:" if self.conn_type else ""
        host = self.host or ""
        protocol, host = host.split("://", 1) if "://" in host else ("", host)
        user = "" if self.login is None else quote(self.login, safe="")
        user += "" if self.password is None else f":{quote(self.password, safe='')}"
        place = f"{user}@" if user else ""
        place += quote(host, safe="")
        if self.port:
            place += f":{self.port}" if place else f"@:{self.port}"
        place += f"/{quote(self.schema, safe='')}" if self.schema else ""
        return f"{kind}//{f'{protocol}://' if protocol else ''}{place}{self._query()}"

    def _query(self) -> str:
        if not self.extra:
            return ""
        extra, query = self.extra_dejson, ""
        with suppress(TypeError):
            query = urlencode(extra)
        if not query or extra != dict(parse_qsl(query, keep_blank_values=True)):
            query = urlencode({_EXTRA_KEY: self.extra})
        return f"{'?' if self.schema else '/?'}{query}"

    def get_password(self) -> str | None:
        """Return the password."""
        return self.password

    def set_password(self, value: str | None) -> None:
        """Change the password."""
        self.password = value
        if value:
            _mask_password(value)

    def set_extra(self, value: str | None) -> None:
        """Change the extra, which is JSON text."""
        self.extra = value
        _mask_extra(value)

    def get_extra(self) -> Any:
        """Return the extra as text."""
        return self.extra

    @property
    def extra_dejson(self) -> Any:
        """The extra as a dict."""
        return self.get_extra_dejson()

    def get_extra_dejson(self, nested: bool = False) -> Any:
        """Return the extra as a dict, which is empty if it is not JSON.

        With `nested`, values that are JSON as text are read, too.
        """
        try:
            extra = json.loads(str(self.extra)) if self.extra else {}
        except ValueError:
            task_logger().error("The extra of connection %r is not JSON.", self.conn_id)
            return {}
        if nested:
            extra = {name: _read_json(value) for name, value in extra.items()}
        mask_secret(extra)
        return extra

    def to_dict(self, *, prune_empty: bool = False, validate: bool = True) -> dict[str, Any]:
        """Return its fields, the extra as a dict; with `prune_empty` without None."""
        names = [
            "conn_id",
            "conn_type",
            "description",
            "host",
            "login",
            "password",
            "schema",
            "port",
        ]
        fields = {name: getattr(self, name) for name in names}
        if prune_empty:
            fields = {name: value for name, value in fields.items() if value is not None}
        if (extra := self.extra_dejson) or not prune_empty:
            fields["extra"] = extra
        if validate:
            json.dumps(fields)
        return fields

    def as_json(self) -> str:
        """Return it as JSON, as AIRFLOW_CONN_NAME may hold it."""
        fields = self.to_dict(prune_empty=True, validate=False)
        fields.pop("conn_id", None)
        return json.dumps(fields)

    def get_hook(self, *, hook_params: dict[str, Any] | None = None) -> Any:
        """Return the hook of its type; raise `AirflowException` where nothing has hooks."""
        if self.make_hook is not None:
            return self.make_hook(hook_params)
        raise AirflowException(
            f"Connection {self.conn_id!r} has no hook: hooks come with Airflow's providers, by way"
            " of airflow-lite-airflow-names. Hand its fields, or get_uri(), to the library that"
            " you use."
        )

    def test_connection(self) -> tuple[bool, str]:
        """Return what the hook's own test says; False, and why, where it has none or raises."""
        try:
            hook = self.get_hook()
            if hasattr(hook, "test_connection"):
                is_fine, message = hook.test_connection()
                return bool(is_fine), str(message)
        except Exception as error:  # a provider's code
            return False, str(error)
        kind = type(hook).__name__
        return False, f"Hook {kind} doesn't implement or inherit test_connection method"

    def __repr__(self) -> str:
        return self.conn_id or ""


def _mask_password(password: str) -> None:
    mask_secret(password)
    mask_secret(quote(password))


def _mask_extra(extra: str | None) -> None:
    if extra:
        with suppress(ValueError):  # who reads it is told
            mask_secret(json.loads(str(extra)))


def _normal_type(kind: str) -> str:
    return "postgres" if kind == "postgresql" else kind.replace("-", "_")


def _host_of(parts: SplitResult) -> str:
    """Return the host; one that holds a path, quoted, keeps its case as well."""
    host = unquote(parts.hostname or "")
    if "/" not in host:
        return host
    return unquote(parts.netloc.rpartition("@")[2].partition(":")[0])


def _read_json(value: Any) -> Any:
    if isinstance(value, str):
        with suppress(ValueError):
            return json.loads(value)
    return value
