"""DAG runs: made with a row per task, loaded into memory, moved from state to state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.clock import iso
from airflow_lite.errors import DagRunAlreadyExists
from airflow_lite.keys import check_run_id
from airflow_lite.scheduler.model import Instance, Run
from airflow_lite.states import DagRunState, TaskInstanceState
from airflow_lite.store.schema import dag, dag_run, job, task_instance

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from airflow_lite.dag.spec import DagSpec, TaskSpec

_UNFINISHED = ("queued", "running")
#: Most parameters of one IN list; SQLite of old allows 999.
CHUNK = 500


def chunks(values: Iterable[Any]) -> list[list[Any]]:
    """Split `values` into lists that one IN clause can take."""
    listed = list(values)
    return [listed[at : at + CHUNK] for at in range(0, len(listed), CHUNK)]


def create_run(
    connection: sa.Connection,
    spec: DagSpec,
    version_id: int,
    *,
    run_id: str,
    run_type: str,
    logical_us: int,
    interval: tuple[int, int],
    conf: Mapping[str, Any] | None = None,
    external_trigger: bool = False,
    now_us: int,
    state: str = "queued",
    job_id: int | None = None,
    note: str | None = None,
) -> int:
    """Insert a DAG run and one row per task; return the run's row id.

    `job_id` names the job (`dags test`, backfill) that runs it in place of a scheduler. Raises
    `DagRunAlreadyExists` and, for a run id outside the allow-list, `InvalidIdError`.
    """
    check_run_id(run_id)
    _refuse_existing(connection, spec.dag_id, run_id, logical_us)
    row = {
        "dag_id": spec.dag_id,
        "run_id": run_id,
        "run_type": str(run_type),
        "state": str(state),
        "logical_us": logical_us,
        "interval_start_us": interval[0],
        "interval_end_us": interval[1],
        "queued_us": now_us,
        "start_us": now_us if state == "running" else None,
        "external_trigger": external_trigger,
        "conf": json.dumps(dict(conf or {})),
        "version_id": version_id,
        "job_id": job_id,
        "note": note,
    }
    try:
        inserted = connection.execute(dag_run.insert().values(row))
    except sa.exc.IntegrityError:
        raise DagRunAlreadyExists(_taken(spec.dag_id, run_id, logical_us)) from None
    found: int = inserted.inserted_primary_key[0]
    insert_instances(connection, found, spec.tasks.values())
    return found


def _refuse_existing(
    connection: sa.Connection, dag_id: str, run_id: str, logical_us: int
) -> None:
    same = sa.or_(dag_run.c.run_id == run_id, dag_run.c.logical_us == logical_us)
    query = sa.select(dag_run.c.run_id, dag_run.c.logical_us).where(
        dag_run.c.dag_id == dag_id, same
    )
    found = connection.execute(query).first()
    if found is not None:
        raise DagRunAlreadyExists(_taken(dag_id, found.run_id, found.logical_us))


def _taken(dag_id: str, run_id: str, logical_us: int) -> str:
    return (
        f"DAG {dag_id!r} has a run {run_id!r} with logical date {iso(logical_us)} already."
        " Choose another run id or logical date."
    )


def insert_instances(
    connection: sa.Connection, dag_run_id: int, tasks: Iterable[TaskSpec]
) -> None:
    """Insert one task instance, in no state, for each of `tasks`."""
    rows = [_instance_row(dag_run_id, task) for task in tasks]
    if rows:
        connection.execute(task_instance.insert(), rows)


def _instance_row(dag_run_id: int, task: TaskSpec) -> dict[str, Any]:
    return {
        "dag_run_id": dag_run_id,
        "task_id": task.task_id,
        "map_index": -1,
        "max_tries": task.retries,
        "operator": task.operator,
        "pool": task.pool,
        "pool_slots": task.pool_slots,
        "queue": task.queue,
        "priority_weight": task.priority_weight,
    }
