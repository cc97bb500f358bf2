"""`var` and `conn` in templates: Variables and Connections, from wherever these come."""

from __future__ import annotations

from typing import Any

from airflow_lite.authoring.connection import Connection
from airflow_lite.authoring.variable import Variable

_NOTHING: Any = object()


class _Variables:
    """`var.value.NAME` and `var.json.NAME`."""

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


class Connections:
    """`conn.NAME`."""

    def get(self, conn_id: str, default_conn: Any = _NOTHING) -> Any:
        """Return a connection; raise `AirflowException` if there is none and no default."""
        if default_conn is _NOTHING:
            return Connection.get_connection_from_secrets(conn_id)
        return Connection.get_connection_from_secrets(conn_id, default_conn)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)
