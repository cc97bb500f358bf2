"""What DAG files ask the store for while they are imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.parsing.secrets import VARIABLE, Answered
from airflow_lite.security.cipher import Cipher
from airflow_lite.store import connections, variables
from airflow_lite.store.asked_secrets import versions
from airflow_lite.store.engine import open_store

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite.config import Config
    from airflow_lite.store.engine import Store


class StoreAnswers:
    """Answers by kind and name; without a store, one is opened for the first question."""

    def __init__(self, config: Config, store: Store | None = None) -> None:
        self._config = config
        self._store = store
        self._own: Store | None = None
        self._cipher = Cipher(config)

    def __call__(self, kind: str, name: str) -> Answered:
        """Return a Variable's value or a connection's fields.

        Raises `UserError` for what cannot be decrypted.
        """
        with self._opened().read() as connection:
            version = versions(connection, [(kind, name)]).get((kind, name))
            return Answered(self._value(connection, kind, name), version)

    def _value(self, connection: sa.Connection, kind: str, name: str) -> Any:
        if kind == VARIABLE:
            return variables.get(connection, self._cipher, name)
        fields = connections.get(connection, self._cipher, name)
        return None if fields is None else fields._asdict()

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._own = open_store(self._config)
        return self._store

    def close(self) -> None:
        """Close the store that was opened for the questions."""
        if self._own is not None:
            self._own.close()
