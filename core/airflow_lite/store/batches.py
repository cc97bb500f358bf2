"""Many rows at once: split for IN lists, or each for one statement, at the driver's own speed.

SQLAlchemy works out the parameters again for every row, which takes longer than SQLite takes to
write it. A statement is compiled here once; then its rows go to the driver as they are.
"""

from __future__ import annotations

from functools import lru_cache
from operator import eq, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

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
    # One row alone is planned and sent in half the time without arrays.
    if len(rows) > 1 and connection.dialect.name == "postgresql":
        text, names, constants = _over_arrays(statement, connection.dialect)
        arrays = {name: [row[name] for row in rows] for name in names}
        return connection.exec_driver_sql(text, arrays | constants).rowcount
    prepared = _prepared(statement, connection.dialect)
    if len(rows) == 1:
        return connection.exec_driver_sql(prepared.text, prepared.values(rows[0])).rowcount
    return connection.exec_driver_sql(prepared.text, [*map(prepared.values, rows)]).rowcount


def in_order(rows: Iterable[Row], name: str) -> list[Row]:
    """Return rows by the row ids that they have under a name.

    In this order every writer locks them, so that two of them do not wait for one another.
    """
    return sorted(rows, key=itemgetter(name))


def upsert_many(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Row],
    *,
    changed: tuple[str, ...],
    key: tuple[str, ...] = (),
) -> None:
    """Insert rows of the same columns; where one is there already, write only `changed` into it.

    Rows are one by the columns of `key`, which are unique; by default by the primary key. Of
    several with one key the last is written.
    """
    if rows:
        key = key or tuple(column.name for column in table.primary_key.columns)
        value = itemgetter(*key)
        last = {value(row): row for row in rows}
        statement = _upsert(table, connection.dialect.name, tuple(rows[0]), changed, key)
        run_many(connection, statement, [*last.values()])


def insert_new(connection: sa.Connection, table: sa.Table, row: Row) -> Sequence[Any] | None:
    """Insert a row and return its key; None where another has the same key or unique values.

    An error would end the transaction of PostgreSQL, whoever catches it.
    """
    dialect = connection.dialect.name
    statement = _insert_of(dialect)(table).values(row).on_conflict_do_nothing()
    if dialect == "postgresql":  # whose driver counts no rows where a key is asked for
        return connection.execute(statement.returning(*table.primary_key)).first()
    inserted = connection.execute(statement)
    return inserted.inserted_primary_key if inserted.rowcount else None


def _insert_of(dialect: str) -> Any:
    """Return the function that makes an INSERT of this database's own kind."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert

        return insert
    from sqlalchemy.dialects.sqlite import insert as insert_of_sqlite

    return insert_of_sqlite


@lru_cache(maxsize=64)
def _upsert(
    table: sa.Table,
    dialect: str,
    columns: tuple[str, ...],
    changed: tuple[str, ...],
    key: tuple[str, ...],
) -> sa.Insert:
    statement = _insert_of(dialect)(table).values({name: sa.bindparam(name) for name in columns})
    upsert: sa.Insert = statement.on_conflict_do_update(
        index_elements=list(key),
        set_={name: statement.excluded[name] for name in changed},
    )
    return upsert


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


class _OverArrays(NamedTuple):
    """The text of a statement that takes each of `names` as an array, with a value a row."""

    text: str
    names: tuple[str, ...]
    constants: Row


@lru_cache(maxsize=256)
def _over_arrays(statement: Any, dialect: sa.Dialect) -> _OverArrays:
    """Return a statement for many rows: `UPDATE … FROM unnest(…)`, `INSERT … SELECT`, and so on.

    A statement a row costs PostgreSQL, and the way to it, several times as much.
    """
    from sqlalchemy.sql import visitors

    binds = statement.compile(dialect=dialect).binds
    names = tuple(name for name, bind in binds.items() if bind.required)
    rows = _unnested({name: binds[name].type for name in names})

    def of_row(element: Any, **_: object) -> Any:
        is_of_row = isinstance(element, sa.BindParameter) and element.key in names
        return rows.c[element.key] if is_of_row else None

    if statement.is_insert:
        statement = statement.inline()  # nobody reads what it would return
    over = visitors.replacement_traverse(statement, {}, of_row)
    if not statement.is_insert:
        over = over.where(*_among(statement, names))
    compiled = over.compile(dialect=dialect)
    text = str(compiled)
    if statement.is_insert:
        text = _inserted(text, str(sa.select(rows).compile(dialect=dialect)))
    constants = {name: value for name, value in compiled.params.items() if name not in names}
    return _OverArrays(text, names, constants)


def _among(statement: Any, names: Collection[str]) -> Iterator[Any]:
    """Yield a condition on the key of an UPDATE or DELETE: that it is one of all rows' together.

    Else what is planned for a small table reads all of it, also when it has grown.
    """
    where = statement.whereclause
    for condition in getattr(where, "clauses", [where]):
        match condition:
            case sa.BinaryExpression(
                left=sa.Column(primary_key=True) as key, right=sa.BindParameter(key=name)
            ) if condition.operator is eq and name in names:
                yield key == sa.any_(_array(name, key.type))


def _unnested(types: dict[str, Any]) -> Any:
    arrays = {name: _array(name, kind) for name, kind in types.items()}
    columns = [sa.column(name, array.type.item_type) for name, array in arrays.items()]
    unnest = sa.func.unnest(*arrays.values())
    return unnest.table_valued(*columns, name="rows").render_derived(name="rows")


def _array(name: str, kind: Any) -> Any:
    """Return the parameter of a name with the values of all rows."""
    from sqlalchemy.dialects.postgresql import ARRAY

    # As text, however long: a cast to VARCHAR(n) would cut it in silence.
    return sa.bindparam(name, type_=ARRAY(sa.Text() if isinstance(kind, sa.String) else kind))


def _inserted(insert: str, select: str) -> str:
    """Return `INSERT … VALUES (…) …` with its values out of what `select` reads."""
    head, _, rest = insert.partition(" VALUES (")
    values, conflict, action = rest.partition(") ON CONFLICT")
    rows = select[select.index("FROM ") :]
    return f"{head} SELECT {values.removesuffix(')')} {rows}{conflict[1:]}{action}"


def _take(names: Sequence[str]) -> Callable[[Row], tuple[Any, ...]]:
    """Return a function that takes these values from a row, as a tuple even for a single one."""
    if len(names) == 1:
        return lambda row: (row[names[0]],)
    return itemgetter(*names)
