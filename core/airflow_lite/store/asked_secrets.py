"""Which Variables and connections the imports of DAG files asked for, and whether these changed.

What is asked for has a version: a digest of its row as the store keeps it, so that nothing needs to
be decrypted, and whatever wrote the row is noticed. What is not there has none.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.store.batches import is_one_of, select_many
from airflow_lite.store.schema import connection as connection_table
from airflow_lite.store.schema import variable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite.store.dags import KnownFile

#: What a file may ask for, as `parsing.secrets` names it -> the query for rows by their names.
_ROWS = {
    "variable": sa.select(variable.c.key, variable.c.val).where(is_one_of(variable.c.key)),
    "connection": sa.select(
        connection_table.c.conn_id,
        *(column for column in connection_table.c if column.name not in {"id", "conn_id"}),
    ).where(is_one_of(connection_table.c.conn_id)),
}
#: What a file asked for: kind, name and version, None for what was not there.
Asked = tuple[str, str, str | None]


def stale_paths(connection: sa.Connection, files: Iterable[KnownFile]) -> set[str]:
    """Return the paths of those files that asked for what has changed since."""
    asked = {file.path: parts for file in files if (parts := _read(file.secrets))}
    if not asked:
        return set()
    now = versions(
        connection, {(kind, name) for parts in asked.values() for kind, name, _ in parts}
    )
    return {
        path
        for path, parts in asked.items()
        if any(now.get((kind, name)) != version for kind, name, version in parts)
    }


def versions(
    connection: sa.Connection, names: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Return the versions of what there is of these, by kind and name."""
    found: dict[tuple[str, str], str] = {}
    by_kind: dict[str, set[str]] = {}
    for kind, name in names:
        by_kind.setdefault(kind, set()).add(name)
    for kind, wanted in by_kind.items():
        for name, *fields in select_many(connection, _ROWS[kind], sorted(wanted)):
            found[kind, name] = _digest(fields)
    return found


def _digest(fields: list[Any]) -> str:
    return sha256(json.dumps(fields, default=str).encode()).hexdigest()[:32]


def _read(text: object) -> list[Asked]:
    """Read a row's column; what makes no sense asked for nothing."""
    if not isinstance(text, str) or text == "[]":
        return []
    try:
        parts = [(kind, name, version) for kind, name, version in json.loads(text)]
    except (ValueError, TypeError, RecursionError):
        return []
    return [part for part in parts if part[0] in _ROWS and isinstance(part[1], str)]
