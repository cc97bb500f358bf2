"""Many rows at once: split for IN lists, or each for one statement, at the driver's own speed.

SQLAlchemy works out the parameters again for every row, which takes longer than SQLite takes to
write it. A statement is compiled here once; then its rows go to the driver as they are.
"""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Row = dict[str, Any]


#: Most parameters of one IN list; SQLite of old allows 999.
CHUNK = 500


def chunks(values: Iterable[Any]) -> list[list[Any]]:
    """Split `values`, each taken once, into lists that one IN clause can take."""
    every = list(dict.fromkeys(values))
    return [every[at : at + CHUNK] for at in range(0, len(every), CHUNK)]


def select_many(connection: sa.Connection, query: Any, ids: Iterable[Any]) -> list[Any]:
    """Return the rows that `query` finds for `ids`, which it takes as a bindparam of that name."""
    return [row for part in chunks(ids) for row in connection.execute(query, {"ids": part})]


def is_one_of(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that `column` is one of the parameter `ids` of a statement."""
    return column.in_(sa.bindparam("ids", expanding=True))


def run_many(connection: sa.Connection, statement: Any, rows: Sequence[Row]) -> int:
    """Execute an INSERT, UPDATE or DELETE for every row; return how many rows it changed.

    `statement` is one that a module holds, with a `bindparam` for every value that it takes of
    a row; what else a row has is left alone. Values are what the driver takes: texts and numbers.
    """
    if not rows:
        return 0
    prepared = _prepared(statement, connection.dialect)
    return connection.exec_driver_sql(prepared.text, [*map(prepared.values, rows)]).rowcount


def upsert_many(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Row], *, changed: tuple[str, ...]
) -> None:
    """Insert rows of the same columns; where one is there already, write only `changed` into it."""
    if rows:
        run_many(connection, _upsert(table, connection.dialect.name, tuple(rows[0]), changed), rows)


@lru_cache(maxsize=64)
def _upsert(
    table: sa.Table, dialect: str, columns: tuple[str, ...], changed: tuple[str, ...]
) -> sa.Insert:
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    statement = insert(table).values({name: sa.bindparam(name) for name in columns})
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in changed},
    )


class _Prepared(NamedTuple):
    """The text of a statement, and a function that makes the driver's parameters of a row."""

    text: str
    values: Callable[[Row], Any]


@lru_cache(maxsize=256)
def _prepared(statement: Any, dialect: sa.Dialect) -> _Prepared:
    compiled = statement.compile(dialect=dialect)
    constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    if not compiled.positional:
        return _Prepared(str(compiled), lambda row: constants | row)
    take = _take(compiled.positiontup)
    return _Prepared(str(compiled), (lambda row: take(constants | row)) if constants else take)


def _take(names: Sequence[str]) -> Callable[[Row], tuple[Any, ...]]:
    """Return a function that takes these values from a row, as a tuple even for a single one."""
    if len(names) == 1:
        return lambda row: (row[names[0]],)
    return itemgetter(*names)
