"""DAG runs, as they are made, started and ended: each with a row per task."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.clock import iso
from airflow_lite.errors import DagRunAlreadyExists
from airflow_lite.keys import check_run_id
from airflow_lite.states import AUTOMATIC_RUN_TYPES, SCHEDULE_RUN_TYPES, DagRunState
from airflow_lite.store import doorbell
from airflow_lite.store.batches import insert_new, is_one_of, run_many, select_many
from airflow_lite.store.row_types import Shape
from airflow_lite.store.schema import UNFINISHED_RUN, dag, dag_run, task_instance
from airflow_lite.store.test_runs import IS_NO_TEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_lite.spec.model import DagSpec, TaskSpec

#: A row of whatever columns a query asks for.
Row = sa.Row[*tuple[Any, ...]]


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
    key = insert_new(connection, dag_run, row)
    if key is None:  # another transaction was faster
        raise DagRunAlreadyExists(_exists_message(spec.dag_id, run_id, logical_us))
    run_row_id = int(key[0])
    first = [(task, index) for task in spec.tasks.values() for index in task.first_indexes]
    insert_instances(connection, run_row_id, first)
    return run_row_id


def new_id(inserted: sa.CursorResult[Any]) -> int:
    """Return the row id that one INSERT gave."""
    key = inserted.inserted_primary_key
    assert key is not None
    return int(key[0])


def _refuse_existing(connection: sa.Connection, dag_id: str, run_id: str, logical_us: int) -> None:
    same = sa.or_(dag_run.c.run_id == run_id, dag_run.c.logical_us == logical_us)
    query = sa.select(dag_run.c.run_id, dag_run.c.logical_us).where(
        dag_run.c.dag_id == dag_id, same
    )
    existing = connection.execute(query).first()
    if existing is not None:
        raise DagRunAlreadyExists(_exists_message(dag_id, existing.run_id, existing.logical_us))


def _exists_message(dag_id: str, run_id: str, logical_us: int) -> str:
    return (
        f"DAG {dag_id!r} has a run {run_id!r} with logical date {iso(logical_us)} already."
        " Choose another run id or logical date."
    )


#: What a task instance takes from its task, by the same names.
OF_TASK = ("operator", "pool", "pool_slots", "queue", "priority_weight")
_INSERT_INSTANCE = task_instance.insert().values(
    {
        name: sa.bindparam(name)
        for name in ("dag_run_id", "task_id", "map_index", "max_tries", *OF_TASK)
    }
)


def insert_instances(
    connection: sa.Connection, dag_run_id: int, instances: Iterable[tuple[TaskSpec, int]]
) -> None:
    """Insert a task instance, in no state, for each of these tasks and map indexes."""
    rows = [_instance_row(dag_run_id, task, map_index) for task, map_index in instances]
    run_many(connection, _INSERT_INSTANCE, rows)


def _instance_row(dag_run_id: int, task: TaskSpec, map_index: int) -> dict[str, Any]:
    return {
        "dag_run_id": dag_run_id,
        "task_id": task.task_id,
        "map_index": map_index,
        "max_tries": task.retries,
        **{name: getattr(task, name) for name in OF_TASK},
    }


#: What `scheduler.planner.model.Run` has of a run's row; `conf`, which must be JSON; whose it is.
_RUN = sa.select(
    dag_run.c.id,
    dag_run.c.dag_id,
    dag_run.c.run_id,
    dag_run.c.run_type,
    dag_run.c.state,
    dag_run.c.logical_us,
    dag_run.c.start_us,
    dag_run.c.version_id,
    dag_run.c.row_version,
    dag_run.c.conf,
    dag_run.c.job_id,
).where(is_one_of(dag_run.c.id))
_RUN_SHAPE = Shape.of(_RUN)
_VERSIONS = sa.select(dag_run.c.id, dag_run.c.row_version)
_VERSIONS_OF = _VERSIONS.where(is_one_of(dag_run.c.id))


class RunsOf(NamedTuple):
    """Whose runs: a job's own, as of a `dags test`, or those of the DAGs that it owns."""

    job_id: int
    is_own: bool

    @property
    def condition(self) -> sa.ColumnElement[bool]:
        """The condition on `dag_run`."""
        if self.is_own:
            return dag_run.c.job_id == self.job_id
        # A run whose DAG has no row is anybody's: it is told of, and nothing can be done with it.
        others = sa.exists().where(
            dag.c.dag_id == dag_run.c.dag_id, dag.c.owner_job_id.is_distinct_from(self.job_id)
        )
        return sa.and_(dag_run.c.job_id.is_(None), ~others)


def unfinished_versions(connection: sa.Connection, whose: RunsOf) -> dict[int, int]:
    """Return row id -> row version of the queued and running runs."""
    rows = connection.execute(_VERSIONS.where(UNFINISHED_RUN, whose.condition))
    return {row.id: row.row_version for row in rows}


def run_rows(connection: sa.Connection, ids: Iterable[int]) -> list[Row]:
    """Return the rows of the runs with these row ids."""
    return select_many(connection, _RUN, ids)


def check_run(row: Row) -> None:
    """Raise ValueError where the row of a run holds a value of another type."""
    _RUN_SHAPE.check(row)


def row_versions(connection: sa.Connection, ids: Iterable[int]) -> dict[int, int]:
    """Return row id -> row version of these runs; a deleted run is missing."""
    return {row.id: row.row_version for row in select_many(connection, _VERSIONS_OF, ids)}


def end_run(connection: sa.Connection, run_row_id: int, *, state: str, now_us: int) -> bool:
    """Give a running run its final state; False if it is not running any more."""
    query = dag_run.update().where(dag_run.c.id == run_row_id, dag_run.c.state == "running")
    return connection.execute(query.values(state=state, end_us=now_us)).rowcount == 1


def pause_after_failures(connection: sa.Connection, dag_id: str, most: int) -> bool:
    """Pause a DAG whose `most` last runs have failed; return whether this paused it.

    As in Airflow, the last runs are those of the latest logical dates, whatever their state; runs
    of `dags test` do not count. Whoever schedules the DAG is told.
    """
    last = (
        sa.select(dag_run.c.state)
        .where(dag_run.c.dag_id == dag_id, IS_NO_TEST)
        .order_by(dag_run.c.logical_us.desc())
        .limit(most)
        .subquery()
    )
    failed = sa.select(sa.func.count()).where(last.c.state == str(DagRunState.FAILED))
    pause = (
        dag.update()
        .where(dag.c.dag_id == dag_id, ~dag.c.is_paused, failed.scalar_subquery() == most)
        .values(is_paused=True, row_version=dag.c.row_version + 1)
    )
    is_new = connection.execute(pause).rowcount == 1
    if is_new:
        doorbell.ring(connection)
    return is_new


_START = (
    dag_run.update()
    .where(dag_run.c.id == sa.bindparam("run"), dag_run.c.state == "queued")
    .values(state="running", start_us=sa.bindparam("now_us"), end_us=None)
)


def start_runs(connection: sa.Connection, ids: Iterable[int], now_us: int) -> None:
    """Move those of these runs to running that are still queued."""
    run_many(connection, _START, [{"run": run, "now_us": now_us} for run in ids])


_INTERVAL_ENDS = sa.select(dag_run.c.id, dag_run.c.interval_end_us).where(
    is_one_of(dag_run.c.id), dag_run.c.run_type == "scheduled"
)


def scheduled_ends(connection: sa.Connection, ids: Iterable[int]) -> dict[int, int]:
    """Return when the data intervals end of those of these runs that a schedule made."""
    return {row.id: row.interval_end_us for row in select_many(connection, _INTERVAL_ENDS, ids)}


_FOLLOW = (
    dag_run.update()
    .where(dag_run.c.id == sa.bindparam("run"))
    .values(version_id=sa.bindparam("to"))
)


def set_run_version(connection: sa.Connection, run_row_ids: Iterable[int], version_id: int) -> None:
    """Record that these runs follow another version of their DAG from now on."""
    run_many(connection, _FOLLOW, [{"run": run, "to": version_id} for run in run_row_ids])


_newer = dag_run.alias()
_LAST_SCHEDULED = sa.select(
    dag_run.c.dag_id, dag_run.c.interval_start_us, dag_run.c.interval_end_us
).join_from(
    dag,
    dag_run,
    dag_run.c.id
    == sa.select(_newer.c.id)
    .where(_newer.c.dag_id == dag.c.dag_id, _newer.c.run_type.in_(SCHEDULE_RUN_TYPES))
    .order_by(_newer.c.logical_us.desc())
    .limit(1)
    .correlate(dag)
    .scalar_subquery(),
)


def last_scheduled(
    connection: sa.Connection, dag_ids: Iterable[str]
) -> dict[str, tuple[int | None, int | None]]:
    """Return, per DAG, the data interval of the newest scheduled or backfilled run, in us."""
    rows = select_many(connection, _LAST_SCHEDULED.where(is_one_of(dag.c.dag_id)), dag_ids)
    return {row.dag_id: (row.interval_start_us, row.interval_end_us) for row in rows}


def run_before(
    connection: sa.Connection, dag_id: str, logical_us: int, *, of_schedule: bool
) -> Row | None:
    """Return (id, logical_us) of the DAG's run before a logical date, tests left out.

    None if there is none. `of_schedule`: runs that somebody made by hand are passed over.
    """
    query = sa.select(dag_run.c.id, dag_run.c.logical_us).where(
        dag_run.c.dag_id == dag_id, dag_run.c.logical_us < logical_us, IS_NO_TEST
    )
    if of_schedule:
        query = query.where(dag_run.c.run_type.in_(AUTOMATIC_RUN_TYPES))
    return connection.execute(query.order_by(dag_run.c.logical_us.desc()).limit(1)).first()


def states_in_run(connection: sa.Connection, run_row_id: int, task_ids: Iterable[str]) -> list[Row]:
    """Return (task_id, state) of these tasks' instances in a run, each pair once."""
    query = sa.select(task_instance.c.task_id, task_instance.c.state).where(
        task_instance.c.dag_run_id == run_row_id, is_one_of(task_instance.c.task_id)
    )
    query = query.distinct()  # a mapped task has very many instances, and few states
    return select_many(connection, query, task_ids)
