"""States that users give to task instances, and what had failed below them, which runs again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from airflow_lite.spec.graph import with_relatives
from airflow_lite.states import FAILED_STATES, SUCCESS_STATES
from airflow_lite.store import doorbell, edits
from airflow_lite.store.batches import is_one_of, select_many
from airflow_lite.store.schema import task_instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping

    from airflow_lite.spec.model import DagSpec
    from airflow_lite.states import TaskInstanceState
    from airflow_lite.store.edits import Clearable

_FAILED = sa.select(task_instance).where(
    is_one_of(task_instance.c.dag_run_id),
    task_instance.c.state.in_([str(state) for state in FAILED_STATES]),
)


class Marked(NamedTuple):
    """What a mark touched: runs by row id, and how many instances below it run again."""

    runs: set[int]
    again: int


def set_state(
    connection: sa.Connection,
    spec: DagSpec,
    chosen: Sequence[RowMapping],
    state: TaskInstanceState,
    *,
    now_us: int,
    actor: str = edits.ACTOR,
) -> Marked:
    """Give task instances of a DAG a finished state; after a success, what failed below goes on.

    Those who schedule are woken.
    """
    runs = edits.mark(connection, [row["id"] for row in chosen], state, now_us=now_us, actor=actor)
    below = _failed_below(connection, spec, chosen) if state in SUCCESS_STATES else []
    if below:
        runs |= edits.clear(connection, below, now_us=now_us, actor=actor)
    doorbell.ring(connection, runs=sorted(runs))
    return Marked(runs, len(below))


def _failed_below(
    connection: sa.Connection, spec: DagSpec, chosen: Sequence[RowMapping]
) -> list[Clearable]:
    marked: dict[int, set[str]] = {}
    for row in chosen:
        if row["task_id"] in spec.tasks:
            marked.setdefault(row["dag_run_id"], set()).add(row["task_id"])
    groups = {frozenset(names) for names in marked.values()}
    below = {
        names: with_relatives(spec.tasks, names, upstream=False, downstream=True) - names
        for names in groups
    }
    rows = [row._mapping for row in select_many(connection, _FAILED, marked)]  # noqa: SLF001
    return [
        edits.clearable(row, spec)
        for row in rows
        if row["task_id"] in below[frozenset(marked[row["dag_run_id"]])]
    ]
