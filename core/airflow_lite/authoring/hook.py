"""BaseHook: what hooks derive from, and how tasks ask for a connection."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.connection import Connection

if TYPE_CHECKING:
    from logging import Logger

logger = logging.getLogger("airflow.task.hooks")


class BaseHook:
    """A way to another system, by a connection; the names are Airflow's."""

    def __init__(self, logger_name: str | None = None) -> None:
        self._logger_name = logger_name

    @property
    def log(self) -> Logger:
        """The logger of this hook."""
        kind = type(self)
        return logger.getChild(self._logger_name or f"{kind.__module__}.{kind.__name__}")

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """Return a connection; raise `AirflowNotFoundException` if there is none."""
        connection: Connection = Connection.get_connection_from_secrets(conn_id)
        logger.info("Retrieving connection '%s'", connection.conn_id)
        return connection

    @classmethod
    def get_connections(cls, conn_id: str) -> list[Connection]:
        """Return a list of the one connection that `get_connection` returns."""
        return [cls.get_connection(conn_id)]

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """Return the hook of a connection's type: see `Connection.get_hook`."""
        return cls.get_connection(conn_id).get_hook(hook_params=hook_params)

    def get_conn(self) -> Any:
        """Return what the hook connects to: for hooks to define."""
        raise NotImplementedError
