"""What code of authors may ask of the store's Variables and Connections, answered."""

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

    import sqlalchemy as sa

    from airflow_lite.security.cipher import Cipher
    from airflow_lite.worker.messages import SecretQuestion

#: They are answered in a transaction that writes.
WRITES = (SetVariable, UpdateVariable, DeleteVariable)


def answer_secret(connection: sa.Connection, cipher: Cipher, question: SecretQuestion) -> Any:
    """Return the answer, as what JSON can hold; raise `UserError` where there can be none."""
    return SECRETS[type(question)](connection, cipher, question)


def _get_variable(connection: sa.Connection, cipher: Cipher, question: GetVariable) -> Any:
    from airflow_lite.store import variables

    return variables.get(connection, cipher, question.key)


def _set_variable(connection: sa.Connection, cipher: Cipher, question: SetVariable) -> None:
    from airflow_lite.store import variables

    key, value, description = question
    variables.put(connection, cipher, {key: value}, description)


def _update_variable(connection: sa.Connection, cipher: Cipher, question: UpdateVariable) -> bool:
    from airflow_lite.store import variables

    return variables.update(connection, cipher, question.key, question.value)


def _delete_variable(connection: sa.Connection, _cipher: Cipher, question: DeleteVariable) -> int:
    from airflow_lite.store import variables

    return variables.delete(connection, question.key)


def _get_connection(connection: sa.Connection, cipher: Cipher, question: GetConnection) -> Any:
    from airflow_lite.store import connections

    fields = connections.get(connection, cipher, question.conn_id)
    return None if fields is None else fields._asdict()


SECRETS: dict[type, Callable[[sa.Connection, Cipher, Any], Any]] = {
    GetVariable: _get_variable,
    SetVariable: _set_variable,
    UpdateVariable: _update_variable,
    DeleteVariable: _delete_variable,
    GetConnection: _get_connection,
}
