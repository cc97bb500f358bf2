"""What task hosts and running tasks read: task instances by key, DAG runs, earlier runs."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.clock import US_PER_S
from airflow_lite.states import SCHEDULE_RUN_TYPES, TaskInstanceState
from airflow_lite.store import test_runs
from airflow_lite.store.row_types import Shape
from airflow_lite.store.schema import attempt, dag, dag_run, task_instance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_lite.keys import TaskInstanceKey

logger = logging.getLogger(__name__)

#: Keys that one look-up takes: it probes runs x tasks, which a small batch keeps cheap.
_FIND_AT_ONCE = 64
#: Ended tasks that one look at a run finds: Sentry keeps no more.
_MOST_FINISHED = 100


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A DAG run as the code of its tasks sees it."""

    id: int
    dag_id: str
    run_id: str
    run_type: str
    state: str
    logical_us: int
    interval_start_us: int
    interval_end_us: int
    queued_us: int
    start_us: int | None
    end_us: int | None
    external_trigger: bool
    conf: dict[str, Any]
    clear_number: int

    def fields(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Queued:
    """A task instance as its row was just before a claim."""

    id: int
    state: str | None
    attempt: str | None
    try_number: int
    max_tries: int
    try_started_us: int | None
    queued_us: int | None
    operator: str | None
    pool: str
    pool_slots: int
    queue: str
    priority_weight: int
    version_id: int | None
    fileloc: str
    run: StoredRun


_RUN = sa.select(*(dag_run.c[name] for name in StoredRun.__slots__))
_FIND = (
    _RUN.add_columns(
        task_instance.c.task_id,
        task_instance.c.map_index,
        *(task_instance.c[name] for name in Queued.__slots__[:-2]),
        sa.func.coalesce(dag.c.fileloc, ""),
    )
    .join(task_instance, task_instance.c.dag_run_id == dag_run.c.id)
    .outerjoin(dag, dag.c.dag_id == dag_run.c.dag_id)
    .where(
        dag_run.c.dag_id.in_(sa.bindparam("dags", expanding=True)),
        dag_run.c.run_id.in_(sa.bindparam("runs", expanding=True)),
        # Leaves out the other pairs of these two before the tasks of each run are looked up.
        (dag_run.c.dag_id + " " + dag_run.c.run_id).in_(sa.bindparam("both", expanding=True)),
        task_instance.c.task_id.in_(sa.bindparam("tasks", expanding=True)),
    )
)

_FIND_SHAPE = Shape(_FIND)


def find(
    connection: sa.Connection, keys: Sequence[TaskInstanceKey]
) -> dict[tuple[str, str, str, int], Queued]:
    """Return the task instances of `keys` by their `primary`; what does not exist is missing.

    An instance whose row, or whose run's row, makes no sense is missing too, and logged.
    """
    instances: dict[tuple[str, str, str, int], Queued] = {}
    for at in range(0, len(keys), _FIND_AT_ONCE):
        instances.update(_find_some(connection, keys[at : at + _FIND_AT_ONCE]))
    return instances


def _find_some(
    connection: sa.Connection, keys: Sequence[TaskInstanceKey]
) -> Iterator[tuple[tuple[str, str, str, int], Queued]]:
    primaries = {key.primary for key in keys}
    parameters = {
        "dags": list({key.dag_id for key in keys}),
        "runs": list({key.run_id for key in keys}),
        "both": list({f"{key.dag_id} {key.run_id}" for key in keys}),
        "tasks": list({key.task_id for key in keys}),
    }
    runs: dict[int, StoredRun] = {}
    width = len(StoredRun.__slots__)
    for row in connection.execute(_FIND, parameters):
        task_id, map_index, *columns = row[width:]
        primary = (row.dag_id, task_id, row.run_id, map_index)
        if primary not in primaries:
            continue
        try:
            _FIND_SHAPE.check(row)
            run = runs.get(row[0]) or runs.setdefault(row[0], _stored_run(row[:width]))
        except (ValueError, RecursionError) as error:
            logger.error("task %r of run %r cannot be read: %s", task_id, row.run_id, error)
        else:
            yield primary, Queued(*columns, run)  # type: ignore[call-arg]


def _stored_run(row: Sequence[Any]) -> StoredRun:
    values = list(row)
    at = StoredRun.__slots__.index("conf")
    values[at] = json.loads(values[at])
    if not isinstance(values[at], dict):
        raise ValueError(f"its run's conf is no JSON object: {values[at]!r:.100}")  # noqa: TRY004
    of_type, date = map(StoredRun.__slots__.index, ("run_type", "logical_us"))
    values[date] = test_runs.date_us(values[of_type], values[date])
    return StoredRun(*values)


def find_run(
    connection: sa.Connection, dag_id: str, run_id: str | None, logical_us: int | None
) -> StoredRun | None:
    """Return the run of a DAG with this id or this logical date; None if there is none."""
    same = dag_run.c.run_id == run_id if run_id is not None else dag_run.c.logical_us == logical_us
    row = connection.execute(_RUN.where(dag_run.c.dag_id == dag_id, same)).first()
    return None if row is None else _stored_run(row)


def previous_run(
    connection: sa.Connection,
    dag_id: str,
    before_us: int,
    state: str | None,
    *,
    of_schedule: bool = False,
) -> StoredRun | None:
    """Return the newest run of a DAG before `before_us`, tests left out.

    Of those in `state`, if that is given; `of_schedule`: of those that nobody made by hand.
    """
    query = _RUN.where(
        dag_run.c.dag_id == dag_id, dag_run.c.logical_us < before_us, test_runs.IS_NO_TEST
    )
    if state is not None:
        query = query.where(dag_run.c.state == state)
    if of_schedule:
        query = query.where(dag_run.c.run_type.in_(SCHEDULE_RUN_TYPES))
    row = connection.execute(query.order_by(dag_run.c.logical_us.desc()).limit(1)).first()
    return None if row is None else _stored_run(row)


def finished_tasks(connection: sa.Connection, run_row_id: int) -> list[dict[str, Any]]:
    """Return `task_id`, `state`, `operator`, `duration` (seconds) of tasks that ended in a run.

    In the order of their ends; of very many, those that are found first.
    """
    ti = task_instance.c
    ended = sa.select(ti.task_id, ti.state, ti.operator, ti.start_us, ti.end_us).where(
        ti.dag_run_id == run_row_id, ti.state.in_(("success", "failed")), ti.end_us.is_not(None)
    )
    rows = sorted(connection.execute(ended.limit(_MOST_FINISHED)), key=lambda row: row.end_us)
    return [
        {
            "task_id": row.task_id,
            "state": row.state,
            "operator": row.operator,
            "duration": None if row.start_us is None else (row.end_us - row.start_us) / US_PER_S,
        }
        for row in rows
    ]


def task_instances(connection: sa.Connection, run_row_id: int) -> list[dict[str, Any]]:
    """Return the task instances of a run as JSON-able data, by task id and map index."""
    ti = task_instance.c
    columns = (
        *(ti.task_id, ti.map_index, ti.state, ti.try_number, ti.max_tries, ti.operator),
        *(ti.queue, ti.pool, ti.hostname, ti.start_us, ti.end_us),
    )
    query = sa.select(*columns).where(ti.dag_run_id == run_row_id)
    rows = connection.execute(query.order_by(ti.task_id, ti.map_index))
    return [dict(row) for row in rows.mappings()]


def first_reschedule(connection: sa.Connection, instance_id: int, try_number: int) -> int | None:
    """Return when the first attempt of a try that was rescheduled had started; None if none was."""
    tries = (attempt.c.task_instance_id == instance_id) & (attempt.c.try_number == try_number)
    rescheduled = attempt.c.outcome == TaskInstanceState.UP_FOR_RESCHEDULE
    query = sa.select(sa.func.min(attempt.c.claimed_us)).where(tries, rescheduled)
    claimed_us: int | None = connection.execute(query).scalar()
    return claimed_us
