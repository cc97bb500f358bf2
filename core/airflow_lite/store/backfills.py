"""What a backfill reads and writes of whole runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.clock import iso
from airflow_lite.states import FAILED_STATES, RUN_FINISHED, DagRunType
from airflow_lite.store.batches import chunks, is_one_of, select_many
from airflow_lite.store.schema import dag_run, job, task_instance
from airflow_lite.store.test_runs import IS_NO_TEST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from airflow_lite.store.runs import Row

_OVER = [str(state) for state in RUN_FINISHED]
_BACKFILL = str(DagRunType.BACKFILL_JOB)
#: Whether whoever has a run for itself is at work; no scheduler counts as one.
_HAS_JOB = sa.exists().where(job.c.id == dag_run.c.job_id, job.c.state == "running")
#: Nobody else is running it: it is queued or over, or a backfill that has ended left it.
_IS_FREE = sa.or_(
    dag_run.c.state != "running", sa.and_(dag_run.c.job_id.is_not(None), sa.not_(_HAS_JOB))
)
_RUNS_AT = sa.select(
    dag_run.c.id,
    dag_run.c.run_id,
    dag_run.c.run_type,
    dag_run.c.state,
    dag_run.c.logical_us,
    dag_run.c.job_id,
    _IS_FREE.label("is_free"),
).where(is_one_of(dag_run.c.logical_us), IS_NO_TEST)
_STATES = sa.select(dag_run.c.id, dag_run.c.state).where(is_one_of(dag_run.c.id))
_FAILED = (
    sa.select(
        dag_run.c.run_id,
        task_instance.c.task_id,
        task_instance.c.map_index,
        task_instance.c.state,
    )
    .join(dag_run, dag_run.c.id == task_instance.c.dag_run_id)
    .where(
        is_one_of(task_instance.c.dag_run_id),
        task_instance.c.state.in_([str(state) for state in FAILED_STATES]),
    )
    .order_by(dag_run.c.logical_us, task_instance.c.id)
)


def run_id_of(logical_us: int) -> str:
    """Return the id of the run that a backfill makes for a date."""
    return f"{_BACKFILL}__{iso(logical_us)}"


def runs_at(connection: sa.Connection, dag_id: str, dates_us: Iterable[int]) -> dict[int, Row]:
    """Return the runs of a DAG that have these logical dates, by them; those of tests are none."""
    rows = select_many(connection, _RUNS_AT.where(dag_run.c.dag_id == dag_id), dates_us)
    return {row.logical_us: row for row in rows}


def take(
    connection: sa.Connection,
    run_row_ids: Collection[int],
    *,
    job_id: int,
    conf: Mapping[str, Any] | None,
    now_us: int,
) -> set[int]:
    """Have a job run these runs from now on, unless somebody runs them; return which it has.

    They are to follow their DAG's definition, whatever they did before: `version_id` is None.
    """
    values: dict[str, Any] = {
        "run_type": _BACKFILL,
        "state": "running",
        "job_id": job_id,
        "version_id": None,
        "start_us": sa.case((dag_run.c.state == "running", dag_run.c.start_us), else_=now_us),
        "end_us": None,
        "row_version": dag_run.c.row_version + 1,
    }
    if conf is not None:
        values["conf"] = json.dumps(dict(conf))
    taken: set[int] = set()
    for ids in chunks(run_row_ids):
        update = dag_run.update().where(dag_run.c.id.in_(ids), _IS_FREE).values(values)
        taken.update(connection.execute(update.returning(dag_run.c.id)).scalars())
    return taken


def reserve(connection: sa.Connection, run_row_ids: Collection[int], job_id: int) -> None:
    """Keep queued runs for a job, so that no scheduler starts them."""
    for ids in chunks(run_row_ids):
        update = dag_run.update().where(dag_run.c.id.in_(ids), dag_run.c.state == "queued")
        connection.execute(update.values(job_id=job_id, row_version=dag_run.c.row_version + 1))


def note_covered(connection: sa.Connection, run_row_ids: Collection[int]) -> None:
    """Make runs that are over those of a backfill: it found nothing left to do in them."""
    for ids in chunks(run_row_ids):
        update = dag_run.update().where(
            dag_run.c.id.in_(ids), dag_run.c.state.in_(_OVER), dag_run.c.run_type != _BACKFILL
        )
        connection.execute(update.values(run_type=_BACKFILL))


def end_retries(connection: sa.Connection, run_row_ids: Collection[int]) -> None:
    """Let no task instance of these runs have another try after its next."""
    for ids in chunks(run_row_ids):
        update = task_instance.update().where(task_instance.c.dag_run_id.in_(ids))
        connection.execute(update.values(max_tries=task_instance.c.try_number))


def count_others(connection: sa.Connection, dag_id: str, job_id: int) -> int:
    """Return how many runs of a DAG others run now: scheduled ones, and those of backfills."""
    query = sa.select(sa.func.count()).where(
        dag_run.c.dag_id == dag_id,
        dag_run.c.state == "running",
        sa.not_(dag_run.c.external_trigger),
        IS_NO_TEST,
        dag_run.c.job_id.is_distinct_from(job_id),
        sa.or_(dag_run.c.job_id.is_(None), _HAS_JOB),
    )
    return int(connection.execute(query).scalar() or 0)


def states_of(connection: sa.Connection, run_row_ids: Iterable[int]) -> dict[int, str]:
    """Return row id -> state of these runs; a deleted run is missing."""
    return {row.id: row.state for row in select_many(connection, _STATES, run_row_ids)}


def failed_tasks(connection: sa.Connection, run_row_ids: Iterable[int]) -> list[Row]:
    """Return (run_id, task_id, map_index, state) of what failed in these runs, by their dates."""
    return select_many(connection, _FAILED, run_row_ids)
