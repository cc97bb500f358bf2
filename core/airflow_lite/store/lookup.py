"""What running tasks ask for: DAG runs, earlier ones, the task instances of a run."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_lite.clock import US_PER_S
from airflow_lite.states import AUTOMATIC_RUN_TYPES, TaskInstanceState
from airflow_lite.store import dags, test_runs
from airflow_lite.store.queued import StoredRun, stored_run
from airflow_lite.store.schema import attempt, dag_run, task_instance

#: Ended tasks that one look at a run finds: Sentry keeps no more.
_MOST_FINISHED = 100


_RUN = sa.select(*(dag_run.c[name] for name in StoredRun.__slots__))


def find_run(
    connection: sa.Connection, dag_id: str, run_id: str | None, logical_us: int | None
) -> StoredRun | None:
    """Return the run of a DAG with this id or this logical date; None if there is none."""
    same = dag_run.c.run_id == run_id if run_id is not None else dag_run.c.logical_us == logical_us
    row = connection.execute(_RUN.where(dag_run.c.dag_id == dag_id, same)).first()
    return None if row is None else stored_run(row)


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
        query = query.where(dag_run.c.run_type.in_(AUTOMATIC_RUN_TYPES))
    row = connection.execute(query.order_by(dag_run.c.logical_us.desc()).limit(1)).first()
    return None if row is None else stored_run(row)


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


def states_of_dag(
    connection: sa.Connection,
    dag_id: str,
    dates_us: list[int],
    task_ids: list[str] | None,
    group_id: str | None,
) -> list[tuple[int, str, str | None]]:
    """Return (logical date, task id, state) of a DAG's tasks in the runs of these dates.

    Of each instance of the tasks `task_ids`, or of those of a group as the DAG has it now; without
    either of the runs themselves, with an empty task id. Tests are left out, and removed instances.
    """
    ti = task_instance.c
    of_dates = dag_run.c.dag_id == dag_id, dag_run.c.logical_us.in_(dates_us)
    of_runs = (*of_dates, test_runs.IS_NO_TEST)
    if task_ids is None and group_id is None:
        query = sa.select(dag_run.c.logical_us, sa.literal(""), dag_run.c.state).where(*of_runs)
    else:
        is_one = (
            ti.task_id.in_(task_ids or ())
            if group_id is None
            else _is_in_group(connection, dag_id, group_id)
        )
        query = (
            sa.select(dag_run.c.logical_us, ti.task_id, ti.state)
            .join(task_instance, ti.dag_run_id == dag_run.c.id)
            .where(*of_runs, is_one, ti.state.is_distinct_from("removed"))
        )
    return [
        (logical_us, task_id, state) for logical_us, task_id, state in connection.execute(query)
    ]


def _is_in_group(connection: sa.Connection, dag_id: str, group_id: str) -> sa.ColumnElement[bool]:
    """Return what holds for a group's tasks: most have ids that begin with its own."""
    found = dags.latest_spec(connection, dag_id)
    if found is not None and group_id in found[1].groups:
        return task_instance.c.task_id.in_(found[1].groups[group_id])
    return task_instance.c.task_id.startswith(f"{group_id}.", autoescape=True)


def what_is_missing(
    connection: sa.Connection, dag_id: str, task_ids: list[str] | None, group_id: str | None
) -> str | None:
    """Return which of a DAG, its tasks or its group there is not; None if all are there."""
    found = dags.latest_spec(connection, dag_id)
    if found is None:
        return f"The external DAG {dag_id} does not exist."
    known = found[1].tasks
    for task_id in task_ids or ():
        if task_id not in known:
            return f"The external task {task_id} in DAG {dag_id} does not exist."
    is_known = group_id in found[1].groups or any(name.startswith(f"{group_id}.") for name in known)
    if group_id is not None and not is_known:
        return f"The external task group {group_id!r} in DAG {dag_id!r} does not exist."
    return None


def instance_count(connection: sa.Connection, instance_id: int) -> int:
    """Return how many instances the task of one has in its run, removed ones left out."""
    one, ti = task_instance.alias(), task_instance.c
    query = (
        sa.select(sa.func.count())
        .select_from(task_instance)
        .join(one, sa.and_(one.c.dag_run_id == ti.dag_run_id, one.c.task_id == ti.task_id))
        .where(one.c.id == instance_id, ti.state.is_distinct_from("removed"))
    )
    return int(connection.execute(query).scalar() or 0)


def first_reschedule(connection: sa.Connection, instance_id: int, try_number: int) -> int | None:
    """Return when the first attempt of a try that was rescheduled had started; None if none was."""
    tries = (attempt.c.task_instance_id == instance_id) & (attempt.c.try_number == try_number)
    rescheduled = attempt.c.outcome == TaskInstanceState.UP_FOR_RESCHEDULE
    query = sa.select(sa.func.min(attempt.c.claimed_us)).where(tries, rescheduled)
    claimed_us: int | None = connection.execute(query).scalar()
    return claimed_us
