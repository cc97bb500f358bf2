"""Statements as text, for task hosts: one that runs a single attempt does without SQLAlchemy.

Each is written once, for both databases: a parameter stands as `:name::TYPE`, a list of values as
`IN :name::TYPE[]`. PostgreSQL is told the types; what many rows write there is one statement.
A connection is SQLAlchemy's, or that of `lean`.
"""

from __future__ import annotations

import re
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_lite.store.connection import Connection

    Row = dict[str, Any]

_LIST = re.compile(r"IN :(\w+)::(\w+)\[\]")
#: The first condition of an UPDATE or DELETE, which is on a column with an index.
_KEY = re.compile(r" WHERE ([\w.]+) = :(\w+)::(\w+)")
_PARAMETER = re.compile(r":(\w+)::(\w+)")


class Statement:
    """One statement, and its text as each database takes it."""

    def __init__(self, text: str) -> None:
        self._text = " ".join(text.split())

    @cached_property
    def for_postgresql(self) -> str:
        """The text for a single row, or a query's."""
        text = _LIST.sub(r"= ANY (%(\1)s::\2[])", self._text)
        return _PARAMETER.sub(r"%(\1)s::\2", text)

    @cached_property
    def over_arrays(self) -> str:
        """The text for many rows of PostgreSQL: it takes an array for each parameter."""
        types = dict(_PARAMETER.findall(self._text))
        arrays = ", ".join(f"%({name})s::{kind}[]" for name, kind in types.items())
        rows = f"unnest({arrays}) AS rows ({', '.join(types)})"
        text = _PARAMETER.sub(r"rows.\1", self._text)
        if text.startswith(("UPDATE", "DELETE")):
            clause = "FROM" if text.startswith("UPDATE") else "USING"
            key = _KEY.search(self._text)
            # Else what is planned for a small table reads all of it, also when it has grown.
            among = f"{key[1]} = ANY (%({key[2]})s::{key[3]}[]) AND " if key else ""
            return text.replace(" WHERE ", f" {clause} {rows} WHERE {among}", 1)
        head, _, rest = text.partition(" VALUES (")
        values, conflict, action = rest.partition(") ON CONFLICT ")
        return f"{head} SELECT {values} FROM {rows}{conflict[1:]}{action}"  # noqa: S608 - ours

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(dict(_PARAMETER.findall(self._text)))

    def for_sqlite(self, parameters: Mapping[str, Any]) -> tuple[str, Row]:
        """Return text and parameters; each value of a list is a parameter of its own."""
        values = dict(parameters)

        def spread(found: re.Match[str]) -> str:
            name = found[1]
            own = {f"{name}_{at}": value for at, value in enumerate(values.pop(name))}
            values.update(own)
            return f"IN ({', '.join(f':{name}' for name in own)})"

        return self._sqlite_text(_LIST.sub(spread, self._text)), values

    @cached_property
    def for_rows_of_sqlite(self) -> str:
        """The text for rows that are written."""
        return self._sqlite_text(self._text)

    @staticmethod
    def _sqlite_text(text: str) -> str:
        return _PARAMETER.sub(r":\1", text)


def write(connection: Connection, statement: Statement, rows: Sequence[Row]) -> int:
    """Execute an INSERT, UPDATE or DELETE for every row; return how many rows it changed.

    What else a row has is left alone. Values are what the driver takes: texts and numbers.
    """
    if not rows:
        return 0
    of_rows = rows[0] if len(rows) == 1 else [*rows]
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(statement.for_rows_of_sqlite, of_rows).rowcount
    if len(rows) == 1:  # one alone is planned and sent in half the time without arrays
        return connection.exec_driver_sql(statement.for_postgresql, of_rows).rowcount
    arrays = {name: array_of([row[name] for row in rows]) for name in statement.names}
    return connection.exec_driver_sql(statement.over_arrays, arrays).rowcount


def read(connection: Connection, statement: Statement, **parameters: Any) -> list[Any]:
    """Return the rows that a SELECT finds; a list of values has few hundred at most."""
    if connection.dialect.name == "sqlite":
        return [*connection.exec_driver_sql(*statement.for_sqlite(parameters))]
    return [*connection.exec_driver_sql(statement.for_postgresql, _with_arrays(parameters))]


def change(connection: Connection, statement: Statement, **parameters: Any) -> int:
    """Execute a statement whose parameters are lists as those of a query; return the row count."""
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(*statement.for_sqlite(parameters)).rowcount
    return connection.exec_driver_sql(statement.for_postgresql, _with_arrays(parameters)).rowcount


def _with_arrays(parameters: Row) -> Row:
    return {
        name: array_of(value) if isinstance(value, list) else value
        for name, value in parameters.items()
    }


def array_of(values: Iterable[str | float | None]) -> str:
    """Return values as PostgreSQL writes an array of them, whose type the statement tells.

    The driver looks at each value several times before it does the same.
    """
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: str | float | None) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return "NULL" if value is None else str(value)


def in_order(rows: Iterable[Row], name: str) -> list[Row]:
    """Return rows by the row ids that they have under a name.

    In this order every writer locks them, so that two of them do not wait for one another.
    """
    return sorted(rows, key=itemgetter(name))
