"""The rows of mapped tasks: one that stands for all becomes the first, and the others are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from airflow_lite.store.batches import run_many
from airflow_lite.store.runs import OF_TASK
from airflow_lite.store.schema import task_instance

if TYPE_CHECKING:
    from collections.abc import Sequence

_ti = task_instance.c
_BEGIN = (
    task_instance.update()
    .where(_ti.id == sa.bindparam("row"), _ti.map_index == -1, _ti.state.is_(None))
    .values(map_index=0)
)
_indexes = sa.select(sa.bindparam("first", type_=sa.Integer).label("map_index")).cte(
    "indexes", recursive=True
)
_indexes = _indexes.union_all(
    sa.select(_indexes.c.map_index + 1).where(
        _indexes.c.map_index < sa.bindparam("last", type_=sa.Integer)
    )
)
_COPIED = ("dag_run_id", "task_id", *OF_TASK)
#: However many they are, one statement makes them: the values of their task are those of `row`.
_MAKE = task_instance.insert().from_select(
    [*_COPIED, "map_index", "max_tries"],
    sa.select(
        *(_ti[name] for name in _COPIED),
        _indexes.c.map_index,
        sa.bindparam("max_tries", type_=sa.Integer),
    )
    .select_from(task_instance.join(_indexes, sa.true()))
    .where(_ti.id == sa.bindparam("row")),
)
_FIND = sa.select(_ti.map_index, _ti.id).where(
    _ti.dag_run_id == sa.bindparam("run"),
    _ti.task_id == sa.bindparam("task"),
    _ti.map_index.between(sa.bindparam("first"), sa.bindparam("last")),
)


class NewIndexes(NamedTuple):
    """The instances of a mapped task that are made: those from `first` to `last`.

    `row` is an instance of the task that there is already.
    """

    run: int
    task: str
    row: int
    first: int
    last: int
    max_tries: int


def begin(connection: sa.Connection, rows: Sequence[int]) -> int:
    """Make these rows, each of which stands for all of its task, the first of their tasks.

    Returns how many were as expected: in no state, and for all.
    """
    return run_many(connection, _BEGIN, [{"row": row} for row in sorted(rows)])


def make(connection: sa.Connection, new: NewIndexes) -> dict[int, int]:
    """Make the instances; return map index -> row id."""
    parameters = new._asdict()
    connection.execute(_MAKE, parameters)
    return {row.map_index: row.id for row in connection.execute(_FIND, parameters)}
