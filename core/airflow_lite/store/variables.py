"""Variables: named texts, which are kept encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from airflow_lite.errors import UserError
from airflow_lite.store.batches import is_one_of, select_many, upsert_many
from airflow_lite.store.schema import variable
from airflow_lite.text import is_storable, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import RowMapping

    from airflow_lite.security.cipher import Cipher

_LONGEST_KEY = 250  # the column's length
_KEYS = sa.select(variable.c.key).where(is_one_of(variable.c.key))


def variables(connection: sa.Connection) -> Sequence[RowMapping]:
    """Return the row of every Variable, by key, with its value as it is kept."""
    return connection.execute(sa.select(variable).order_by(variable.c.key)).mappings().all()


def values(connection: sa.Connection, cipher: Cipher) -> dict[str, str]:
    """Return every Variable's value by its key. Raises `ConfigError` for one of another key."""
    return {
        row["key"]: cipher.decrypted(row["val"], is_encrypted=row["is_encrypted"])
        for row in variables(connection)
    }


def get(connection: sa.Connection, cipher: Cipher, key: str) -> str | None:
    """Return a Variable's value; None if there is none. Raises `ConfigError`."""
    query = sa.select(variable.c.val, variable.c.is_encrypted).where(variable.c.key == key)
    row = connection.execute(query).first()
    return None if row is None else cipher.decrypted(row.val, is_encrypted=row.is_encrypted)


def existing(connection: sa.Connection, keys: Iterable[str]) -> set[str]:
    """Return those of these keys that there are Variables of."""
    return {row.key for row in select_many(connection, _KEYS, keys)}


def put(
    connection: sa.Connection,
    cipher: Cipher,
    texts: Mapping[str, str],
    description: str | None = None,
) -> None:
    """Make Variables, or change those that are there; the description is that of each.

    Raises `UserError` for what no database takes.
    """
    rows = []
    for key, text in sorted(texts.items()):  # in one order, for who writes the same at once
        _check(key, text, description or "")
        kept = cipher.encrypted(text)
        rows.append(
            {
                "key": key,
                "val": kept.text,
                "description": description,
                "is_encrypted": kept.is_encrypted,
            }
        )
    changed = ("val", "description", "is_encrypted")
    upsert_many(connection, variable, rows, changed=changed, key=("key",))


def _check(key: str, *texts: str) -> None:
    if not 0 < len(key) <= _LONGEST_KEY:
        raise UserError(f"A Variable's key has 1 to {_LONGEST_KEY} characters, not {len(key)}.")
    if not all(map(is_storable, (key, *texts))):
        raise UserError(f"Variable {storable(key)} has what no database keeps: a NUL, for one.")


def update(connection: sa.Connection, cipher: Cipher, key: str, text: str) -> bool:
    """Change a Variable's value, not its description; False if there is none. As `put`."""
    _check(key, text)
    kept = cipher.encrypted(text)
    changed = variable.update().where(variable.c.key == key)
    values = {"val": kept.text, "is_encrypted": kept.is_encrypted}
    return bool(connection.execute(changed.values(values)).rowcount)


def delete(connection: sa.Connection, key: str) -> int:
    """Delete a Variable; return how many there were: 1 or 0."""
    return connection.execute(variable.delete().where(variable.c.key == key)).rowcount


def rotate(connection: sa.Connection, cipher: Cipher) -> int:
    """Encrypt every encrypted value anew, by the first key; return how many. Raises `ConfigError`.

    Others may write meanwhile: a value that changed since it was read stays as they wrote it.
    """
    rotated = [
        {"row_id": row["id"], "old": row["val"], "new": cipher.rotated(row["val"])}
        for row in variables(connection)
        if row["is_encrypted"]
    ]
    if rotated:
        update = variable.update().where(
            variable.c.id == sa.bindparam("row_id"), variable.c.val == sa.bindparam("old")
        )
        connection.execute(update.values(val=sa.bindparam("new")), rotated)
    return len(rotated)
