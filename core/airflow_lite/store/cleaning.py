"""What is old and over, and its deletion in batches that are short beside a scheduler.

A run is kept, however old, while it is not over, while something of it runs, and where a run to
come depends on it: the newest of its DAG, the newest that the schedule made, and the one before
a run that is not over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.states import RUN_FINISHED
from airflow_lite.store.schema import (
    ACTIVE_INSTANCE,
    FINISHED_RUN,
    UNFINISHED_RUN,
    attempt,
    callback_request,
    dag,
    dag_run,
    dag_version,
    dataset_event,
    dataset_queue,
    job,
    rendered_fields,
    supervisor,
    task_event,
    task_instance,
    xcom,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_lite.store.engine import Store

#: Most rows that one transaction deletes; of what a whole table may refer to, or has many rows.
ROWS, FEW = 1_000, 50

_SCHEDULED = ("scheduled", "backfill")
_OVER = tuple(str(state) for state in RUN_FINISHED)
_IS_OVER = job.c.state != "running"


def _next_state(*, scheduled: bool) -> sa.ScalarSelect[Any]:
    """Return the state of the run after each of `dag_run`, of the same DAG, by logical date."""
    later = dag_run.alias()
    query = sa.select(later.c.state).where(
        later.c.dag_id == dag_run.c.dag_id, later.c.logical_us > dag_run.c.logical_us
    )
    if scheduled:
        query = query.where(later.c.run_type.in_(_SCHEDULED))
    return query.order_by(later.c.logical_us).limit(1).correlate(dag_run).scalar_subquery()


def _old_runs(before_us: int) -> sa.Select[Any]:
    active = sa.exists().where(task_instance.c.dag_run_id == dag_run.c.id, ACTIVE_INSTANCE)
    ended_us = sa.func.coalesce(dag_run.c.end_us, dag_run.c.queued_us)
    return (
        sa.select(dag_run.c.id)
        .where(
            FINISHED_RUN,
            ended_us < before_us,
            _next_state(scheduled=False).in_(_OVER),
            sa.or_(dag_run.c.run_type.not_in(_SCHEDULED), _next_state(scheduled=True).in_(_OVER)),
            sa.not_(active),
        )
        .order_by(ended_us)
    )


def _old_xcoms(before_us: int) -> sa.Select[Any]:
    """Return the query for the runs whose XComs are old: those that could be deleted themselves."""
    return _old_runs(before_us).where(sa.exists().where(xcom.c.dag_run_id == dag_run.c.id))


def _old_events(before_us: int) -> sa.Select[Any]:
    query = sa.select(task_event.c.id).where(task_event.c.at_us < before_us)
    return query.order_by(task_event.c.at_us)


def _old_dataset_events(before_us: int) -> sa.Select[Any]:
    """Return the query for changes of datasets; one that a DAG still waits to run for stays."""
    queued = sa.exists().where(dataset_queue.c.event_id == dataset_event.c.id)
    query = sa.select(dataset_event.c.id).where(dataset_event.c.at_us < before_us, sa.not_(queued))
    return query.order_by(dataset_event.c.at_us)


def _old_callbacks(before_us: int) -> sa.Select[Any]:
    query = sa.select(callback_request.c.id).where(callback_request.c.ended_us < before_us)
    return query.order_by(callback_request.c.ended_us)


def _old_jobs(before_us: int) -> sa.Select[Any]:
    """Return the query for jobs that are over; one of a supervisor or run that is not stays."""
    ended_us = sa.func.coalesce(job.c.end_us, job.c.latest_beat_us)
    named = sa.exists().where(supervisor.c.job_id == job.c.id, supervisor.c.end_us.is_(None))
    begun = sa.exists().where(dag_run.c.job_id == job.c.id, UNFINISHED_RUN)  # of a backfill
    return sa.select(job.c.id).where(_IS_OVER, ended_us < before_us, sa.not_(named), sa.not_(begun))


def _old_supervisors(before_us: int) -> sa.Select[Any]:
    """Return the query for supervisors that ended, or are silent and their job is over.

    One that an active instance names stays: the scheduler learns of its end by it.
    """
    of_job = sa.exists().where(job.c.id == supervisor.c.job_id, _IS_OVER)
    active = sa.exists().where(task_instance.c.supervisor == supervisor.c.id, ACTIVE_INSTANCE)
    query = sa.select(supervisor.c.id).where(
        supervisor.c.latest_beat_us < before_us,
        sa.or_(supervisor.c.end_us < before_us, supervisor.c.end_us.is_(None) & of_job),
        sa.not_(active),
    )
    return query.order_by(supervisor.c.latest_beat_us)


def _old_versions(before_us: int) -> sa.Select[Any]:
    naming = (dag.c.version_id, dag_run.c.version_id, task_instance.c.version_id)
    unnamed = [sa.not_(sa.exists().where(column == dag_version.c.id)) for column in naming]
    query = sa.select(dag_version.c.id).where(dag_version.c.created_us < before_us, *unnamed)
    return query.order_by(dag_version.c.id)


#: Name of a table -> the query for the ids of its old rows; of runs, where runs are what is old.
_OLD: dict[str, Callable[[int], sa.Select[Any]]] = {
    "task_event": _old_events,
    "callback_request": _old_callbacks,
    "dataset_event": _old_dataset_events,
    "xcom": _old_xcoms,
    "dag_run": _old_runs,
    "dag_version": _old_versions,
    "supervisor": _old_supervisors,
    "job": _old_jobs,
}
TABLES = tuple(_OLD)
_WIDE = {"xcom", "dag_run", "dag_version", "job"}
_TABLE = {
    "task_event": task_event,
    "callback_request": callback_request,
    "dataset_event": dataset_event,
    "dag_version": dag_version,
    "job": job,
    "supervisor": supervisor,
}


def unfinished_runs(connection: sa.Connection) -> list[tuple[str, str]]:
    """Return DAG id and run id of every run that is not over: their logs are kept as well."""
    query = sa.select(dag_run.c.dag_id, dag_run.c.run_id).where(UNFINISHED_RUN)
    return [(row.dag_id, row.run_id) for row in connection.execute(query)]


def count_old(connection: sa.Connection, table: str, before_us: int) -> int:
    """Return how many rows of a table are old; of XComs, those of the runs that are."""
    old = _OLD[table](before_us)
    if table == "xcom":
        query = sa.select(sa.func.count()).where(xcom.c.dag_run_id.in_(old))
    else:
        query = sa.select(sa.func.count()).select_from(old.subquery())
    return int(connection.execute(query).scalar() or 0)


def delete_some(store: Store, table: str, before_us: int) -> int:
    """Delete a batch of what is old in a table; return how many rows, 0 where none is left.

    It is looked for without the write lock, which is held for the batch alone.
    """
    old = _OLD[table](before_us)
    with store.read() as connection:
        ids = list(connection.execute(old.limit(FEW if table in _WIDE else ROWS)).scalars())
    if not ids:
        return 0
    with store.begin() as connection:
        if table == "dag_run":
            return _delete_runs(connection, ids)
        if table == "xcom":
            return _delete_where(connection, xcom, xcom.c.dag_run_id, ids)
        return _delete_where(connection, _TABLE[table], _TABLE[table].c.id, ids)


def _delete_runs(connection: sa.Connection, ids: Sequence[int]) -> int:
    """Delete those of these runs that are still over, with all that is of them; as far as it goes.

    A run of many tasks takes several batches: its task instances first.
    """
    over = sa.select(dag_run.c.id).where(dag_run.c.id.in_(ids), dag_run.c.state.in_(_OVER))
    runs = list(connection.execute(over).scalars())
    of_runs = sa.select(task_instance.c.id).where(task_instance.c.dag_run_id.in_(runs))
    instances = list(connection.execute(of_runs.limit(ROWS)).scalars())
    deleted = _delete_instances(connection, instances)
    if len(instances) == ROWS:
        return deleted
    for table in (xcom, callback_request):
        deleted += _delete_where(connection, table, table.c.dag_run_id, runs)
    return deleted + _delete_where(connection, dag_run, dag_run.c.id, runs)


def _delete_instances(connection: sa.Connection, ids: Sequence[int]) -> int:
    for table in (rendered_fields, attempt, task_event):
        _delete_where(connection, table, table.c.task_instance_id, ids)
    return _delete_where(connection, task_instance, task_instance.c.id, ids)


def _delete_where(
    connection: sa.Connection, table: sa.Table, column: sa.Column[Any], ids: Sequence[Any]
) -> int:
    if not ids:
        return 0
    return connection.execute(table.delete().where(column.in_(ids))).rowcount
