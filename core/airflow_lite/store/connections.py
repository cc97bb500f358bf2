"""Connections: addresses of other systems, whose passwords and extras are kept encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.errors import UserError
from airflow_lite.store.batches import insert_new, is_one_of, select_many, upsert_many
from airflow_lite.store.schema import connection as table
from airflow_lite.text import is_storable, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import RowMapping

    from airflow_lite.security.cipher import Cipher

_LARGEST_PORT = 65_535
_IDS = sa.select(table.c.conn_id).where(is_one_of(table.c.conn_id))


class ConnectionFields(NamedTuple):
    """A connection as data; `extra` is JSON text."""

    conn_id: str
    conn_type: str
    description: str | None = None
    host: str | None = None
    login: str | None = None
    password: str | None = None
    schema: str | None = None
    port: int | None = None
    extra: str | None = None


class StoredConnection(NamedTuple):
    """A connection of the store, with its row's id and what of it is kept encrypted."""

    id: int
    fields: ConnectionFields
    is_encrypted: bool
    is_extra_encrypted: bool


def connections(
    connection: sa.Connection, cipher: Cipher, conn_id: str | None = None
) -> list[StoredConnection]:
    """Return every connection, by id, or the one that is asked for. Raises `ConfigError`."""
    query = sa.select(table).order_by(table.c.conn_id)
    if conn_id is not None:
        query = query.where(table.c.conn_id == conn_id)
    return [_stored(row, cipher) for row in connection.execute(query).mappings()]


def _stored(row: RowMapping, cipher: Cipher) -> StoredConnection:
    fields = {name: row[name] for name in ConnectionFields._fields}
    for name, flag in _ENCRYPTED.items():
        if fields[name]:
            fields[name] = cipher.decrypted(fields[name], is_encrypted=row[flag])
    return StoredConnection(
        row["id"], ConnectionFields(**fields), row["is_encrypted"], row["is_extra_encrypted"]
    )


def get(connection: sa.Connection, cipher: Cipher, conn_id: str) -> ConnectionFields | None:
    """Return a connection; None if there is none. Raises `ConfigError`."""
    return next((found.fields for found in connections(connection, cipher, conn_id)), None)


def existing(connection: sa.Connection, conn_ids: Iterable[str]) -> set[str]:
    """Return those of these ids that there are connections of."""
    return {row.conn_id for row in select_many(connection, _IDS, conn_ids)}


def add(connection: sa.Connection, cipher: Cipher, fields: ConnectionFields) -> bool:
    """Make a connection; False if there is one of this id."""
    return insert_new(connection, table, _row(fields, cipher)) is not None


def put(connection: sa.Connection, cipher: Cipher, every: Sequence[ConnectionFields]) -> None:
    """Make connections, or change those that are there."""
    rows = [_row(fields, cipher) for fields in sorted(every, key=lambda fields: fields.conn_id)]
    changed = (*ConnectionFields._fields[1:], *_ENCRYPTED.values())
    upsert_many(connection, table, rows, changed=changed, key=("conn_id",))


#: What is kept encrypted -> the column that says whether it is.
_ENCRYPTED = {"password": "is_encrypted", "extra": "is_extra_encrypted"}


def _row(fields: ConnectionFields, cipher: Cipher) -> dict[str, Any]:
    """Return a row; raise `UserError` for what no database takes."""
    row: dict[str, Any] = fields._asdict()
    for name, value in row.items():
        if fault := _fault(name, value):
            shown = storable(str(fields.conn_id))[:60]
            raise UserError(f"The connection {shown!r} cannot be kept: its {name} {fault}.")
    for name, flag in _ENCRYPTED.items():
        text, row[flag] = row[name], False
        if text:
            row[name], row[flag] = cipher.encrypted(text)
    return row


def _fault(name: str, value: Any) -> str | None:
    """Return what is wrong with a field's value, in a few words."""
    column = table.c[name]
    if value is None:
        return None if column.nullable else "is missing"
    if name == "port":
        is_port = type(value) is int and 0 <= value <= _LARGEST_PORT
        return None if is_port else f"is {str(value)[:20]!r}, which is no port"
    if not isinstance(value, str):
        return f"is {str(value)[:60]!r}, which is no text"
    longest = getattr(column.type, "length", None)
    if longest is not None and len(value) > longest:
        return f"has {len(value)} characters, and may have {longest}"
    return None if is_storable(value) else "has what no database keeps: a NUL, for one"


def delete(connection: sa.Connection, conn_id: str) -> int:
    """Delete a connection; return how many there were: 1 or 0."""
    return connection.execute(table.delete().where(table.c.conn_id == conn_id)).rowcount


def rotate(connection: sa.Connection, cipher: Cipher) -> int:
    """Encrypt every encrypted password and extra anew, by the first key; return how many.

    Others may write meanwhile: what changed since it was read stays as they wrote it. Raises
    `ConfigError`.
    """
    return sum(_rotate_column(connection, cipher, name) for name in _ENCRYPTED)


def _rotate_column(connection: sa.Connection, cipher: Cipher, name: str) -> int:
    column, flag = table.c[name], table.c[_ENCRYPTED[name]]
    query = sa.select(table.c.id, column).where(flag, column.is_not(None)).order_by(table.c.id)
    rotated = [
        {"row_id": row_id, "old": text, "new": cipher.rotated(text)}
        for row_id, text in connection.execute(query)
    ]
    if rotated:
        update = table.update().where(
            table.c.id == sa.bindparam("row_id"), column == sa.bindparam("old")
        )
        connection.execute(update.values({name: sa.bindparam("new")}), rotated)
    return len(rotated)
