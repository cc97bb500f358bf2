"""What a secrets backend is, and the one that every installation has: the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from airflow_lite.errors import AirflowException

if TYPE_CHECKING:
    from airflow_lite.authoring.connection import Connection

VARIABLE_PREFIX, CONNECTION_PREFIX = "AIRFLOW_VAR_", "AIRFLOW_CONN_"


class BaseSecretsBackend:
    """A place that holds Variables and Connections: derive from it, as in Airflow.

    `get_variable` and `get_conn_value` return what goes by a name, or None; `get_connection` may be
    overridden instead of the latter. They are called in the processes that run user code.
    """

    @staticmethod
    def build_path(path_prefix: str, secret_id: str, sep: str = "/") -> str:
        """Return the path of a secret: the prefix, `sep` and the name."""
        return f"{path_prefix}{sep}{secret_id}"

    def get_conn_value(self, conn_id: str) -> str | None:
        """Return a connection as a URI or JSON; None if there is none."""
        raise NotImplementedError

    def get_conn_uri(self, conn_id: str) -> str | None:
        """Return a connection as a URI, where a backend of old has no `get_conn_value`."""
        raise NotImplementedError

    def get_variable(self, key: str) -> str | None:
        """Return a Variable as text; None if there is none."""
        raise NotImplementedError

    def get_config(self, key: str) -> str | None:
        """Return None: settings come from the configuration alone."""
        return None

    def deserialize_connection(self, conn_id: str, value: str) -> Connection:
        """Make a connection of its URI or JSON; raise `ValueError` or `TypeError`."""
        from airflow_lite.authoring.connection import Connection

        return Connection.read(conn_id, value)

    def get_connection(self, conn_id: str) -> Connection | None:
        """Return a connection of what `get_conn_value` gives; None if there is none."""
        try:
            value = self.get_conn_value(conn_id)
        except NotImplementedError:
            value = self.get_conn_uri(conn_id)
        return self.deserialize_connection(conn_id, value) if value else None


class EnvironmentVariablesBackend(BaseSecretsBackend):
    """AIRFLOW_VAR_NAME and AIRFLOW_CONN_NAME, with the name in capitals."""

    def get_conn_value(self, conn_id: str) -> str | None:
        """Return the value of the connection's environment variable."""
        return os.environ.get(CONNECTION_PREFIX + conn_id.upper())

    def get_variable(self, key: str) -> str | None:
        """Return the value of the Variable's environment variable."""
        return os.environ.get(VARIABLE_PREFIX + key.upper())

    def deserialize_connection(self, conn_id: str, value: str) -> Connection:
        """Make a connection; raise `AirflowException`, which names the environment variable."""
        from airflow_lite.secrets_masker import mask_secret

        try:
            return super().deserialize_connection(conn_id, value)
        except (TypeError, ValueError) as error:
            mask_secret(value.strip())
            name = CONNECTION_PREFIX + conn_id.upper()
            raise AirflowException(f"{name} is no connection: {error}.") from None
