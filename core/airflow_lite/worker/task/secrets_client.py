"""The store's Variables and Connections for code of authors, by questions to who has the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.worker.messages import (
    DeleteVariable,
    GetConnection,
    GetVariable,
    SetVariable,
    UpdateVariable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.worker.messages import SecretQuestion


class AskedSecrets:
    """What `authoring.secrets.search.using` takes; `ask` returns the answer to a question."""

    def __init__(self, ask: Callable[[SecretQuestion], Any]) -> None:
        self._ask = ask

    def get_variable(self, key: str) -> str | None:
        """Ask for a Variable's value."""
        value: str | None = self._ask(GetVariable(key))
        return value

    def set_variable(self, key: str, value: str, description: str | None) -> None:
        """Have a Variable made or changed."""
        self._ask(SetVariable(key, value, description))

    def update_variable(self, key: str, value: str) -> bool:
        """Have a Variable's value changed, if there is one."""
        return bool(self._ask(UpdateVariable(key, value)))

    def delete_variable(self, key: str) -> int:
        """Have a Variable deleted."""
        return int(self._ask(DeleteVariable(key)))

    def get_connection(self, conn_id: str) -> dict[str, Any] | None:
        """Ask for a connection's fields."""
        fields: dict[str, Any] | None = self._ask(GetConnection(conn_id))
        return fields
