"""What people are shown: rows as mappings, for the command line and for readers of logs."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.errors import DagNotFound, DagRunNotFound, TaskNotFound
from airflow_lite.store import test_runs
from airflow_lite.store.attempts import LOG_CUT
from airflow_lite.store.schema import (
    attempt,
    dag,
    dag_file,
    dag_run,
    dag_version,
    task_event,
    task_instance,
)
from airflow_lite.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping

    from airflow_lite.keys import TaskInstanceKey

#: The fields of a DAG's spec that a listing shows beside the columns of its row.
_SPEC_FIELDS = (
    "display_name",
    "max_active_tasks",
    "max_active_runs",
    "max_consecutive_failed_dag_runs",
)


def dags(
    connection: sa.Connection, *, dag_id: str | None = None, active: bool | None = True
) -> list[dict[str, Any]]:
    """Return the DAGs by id: the columns of `dag`, and what else is listed of their specs.

    `active`: those whose file still has them, those whose has not, or (None) all.
    """
    query = dags_with_specs().order_by(dag.c.dag_id)
    if active is not None:
        query = query.where(dag.c.is_active == active)
    if dag_id is not None:
        query = query.where(dag.c.dag_id == dag_id)
    return [fields_of_dag(row) for row in connection.execute(query).mappings()]


def dags_with_specs() -> sa.Select[Any]:
    """Return the query for the rows that `fields_of_dag` takes."""
    return (
        sa.select(dag, dag_version.c.spec, dag_file.c.error)
        .outerjoin(dag_version, dag_version.c.id == dag.c.version_id)
        .outerjoin(dag_file, dag_file.c.path == dag.c.fileloc)
    )


def fields_of_dag(row: RowMapping | dict[str, Any]) -> dict[str, Any]:
    """Return what `dags` does of a DAG."""
    spec = _read(row["spec"] or "{}", {})
    limits = ("max_active_tis_per_dag", "max_active_tis_per_dagrun")
    tasks = spec.get("tasks", {}).values() if isinstance(spec.get("tasks"), dict) else ()
    columns = {name: value for name, value in row.items() if name not in {"spec", "error"}}
    columns["tags"] = _read(row["tags"], [])
    columns["schedule_spec"] = spec.get("schedule", {})
    columns["has_import_errors"] = row["error"] is not None
    columns["has_task_limits"] = any(task.get(limit) for task in tasks for limit in limits)
    return columns | {name: spec.get(name) for name in _SPEC_FIELDS}


def _read(text: object, nothing: Any) -> Any:
    """Return the value of a JSON text; `nothing` where that is of another type."""
    try:
        value = json.loads(text)  # type: ignore[arg-type]  # SQLite may have anything there
    except (ValueError, TypeError, RecursionError):
        return nothing
    return value if isinstance(value, type(nothing)) else nothing


def the_dag(connection: sa.Connection, dag_id: str) -> dict[str, Any]:
    """Return one DAG, active or not; raise `DagNotFound`, naming the nearest."""
    rows = dags(connection, dag_id=dag_id, active=None)
    if rows:
        return rows[0]
    dag_ids = connection.execute(sa.select(dag.c.dag_id).where(dag.c.is_active)).scalars()
    raise DagNotFound(
        f"There is no DAG {dag_id[:60]!r}.{did_you_mean(dag_id, dag_ids.all())}"
        f" List the DAGs with `airflow-lite dags list`.{_import_errors_hint(connection)}"
    )


def _import_errors_hint(connection: sa.Connection) -> str:
    query = sa.select(sa.func.count()).where(dag_file.c.error.is_not(None))
    count = connection.execute(query).scalar()
    if not count:
        return ""
    return (
        f" {count} DAG file(s) could not be imported: see `airflow-lite dags list-import-errors`."
    )


def matching_dags(connection: sa.Connection, pattern: str, *, regex: bool) -> list[dict[str, Any]]:
    """Return the active DAGs whose id is `pattern` or, with `regex`, has a match for it.

    Raises `re.error` for a pattern that is none.
    """
    if not regex:
        return dags(connection, dag_id=pattern)
    import re

    compiled = re.compile(pattern)
    return [row for row in dags(connection) if compiled.search(row["dag_id"])]


def runs(
    connection: sa.Connection,
    dag_id: str | None,
    *,
    state: str | None = None,
    start_us: int | None = None,
    end_us: int | None = None,
    since_us: int | None = None,
    backfills: bool = True,
) -> Sequence[RowMapping]:
    """Return the runs of a DAG, or of all, the latest logical date first.

    `start_us` and `end_us` are bounds of that date; `since_us` leaves out what was over by then.
    """
    query = sa.select(dag_run)
    if dag_id is not None:
        query = query.where(dag_run.c.dag_id == dag_id)
    if since_us is not None:
        query = query.where(sa.or_(dag_run.c.end_us.is_(None), dag_run.c.end_us >= since_us))
    if state is not None:
        query = query.where(dag_run.c.state == state)
    if start_us is not None:
        query = query.where(dag_run.c.logical_us >= start_us)
    if end_us is not None:
        query = query.where(dag_run.c.logical_us <= end_us)
    if not backfills:
        query = query.where(dag_run.c.run_type != "backfill")
    latest_first = query.order_by(dag_run.c.logical_us.desc(), dag_run.c.dag_id)
    return connection.execute(latest_first).mappings().all()


def the_run(
    connection: sa.Connection, dag_id: str, run_id: str, logical_us: int | None = None
) -> RowMapping:
    """Return the run with this id or logical date; raise `DagNotFound`, `DagRunNotFound`."""
    same = dag_run.c.run_id == run_id
    if logical_us is not None:
        of_date = dag_run.c.logical_us == logical_us
        same = sa.or_(same, of_date, test_runs.is_test_of(logical_us))
    query = sa.select(dag_run).where(dag_run.c.dag_id == dag_id, same)
    by_date = query.order_by(dag_run.c.logical_us)  # a test of the date comes last
    rows = connection.execute(by_date).mappings().all()
    if not rows:
        the_dag(connection, dag_id)
        raise DagRunNotFound(
            f"DAG {dag_id!r} has no run with id or logical date {run_id[:80]!r}."
            f" List its runs with `airflow-lite dags list-runs -d {dag_id}`."
        )
    return next((row for row in rows if row["run_id"] == run_id), rows[0])


def run_by_id(connection: sa.Connection, dag_run_id: int) -> RowMapping:
    """Return a run by its row id; raise `DagRunNotFound` if it was deleted."""
    query = sa.select(dag_run).where(dag_run.c.id == dag_run_id)
    run = connection.execute(query).mappings().first()
    if run is None:
        raise DagRunNotFound("The run was deleted meanwhile.")
    return run


def run_state(connection: sa.Connection, dag_run_id: int) -> str | None:
    """Return the state of a run by its row id; None if it was deleted."""
    query = sa.select(dag_run.c.state).where(dag_run.c.id == dag_run_id)
    state: str | None = connection.execute(query).scalar()
    return state


def instances(connection: sa.Connection, dag_run_id: int) -> Sequence[RowMapping]:
    """Return the task instances of a run in the order their tasks were made, by map index."""
    query = sa.select(task_instance).where(task_instance.c.dag_run_id == dag_run_id)
    rows = connection.execute(query.order_by(task_instance.c.id)).mappings().all()
    places: dict[str, int] = {}
    for row in rows:
        places.setdefault(row["task_id"], row["id"])
    return sorted(rows, key=lambda row: (places[row["task_id"]], row["map_index"]))


def the_instance(
    connection: sa.Connection, run: RowMapping, task_id: str, map_index: int = -1
) -> RowMapping:
    """Return one task instance of a run; raise `TaskNotFound`, naming the nearest."""
    of_run = task_instance.c.dag_run_id == run["id"]
    query = sa.select(task_instance).where(
        of_run, task_instance.c.task_id == task_id, task_instance.c.map_index == map_index
    )
    instance = connection.execute(query).mappings().first()
    if instance is not None:
        return instance
    task_ids = connection.execute(sa.select(task_instance.c.task_id).where(of_run)).scalars().all()
    where = f" with map index {map_index}" if task_id in task_ids else ""
    raise TaskNotFound(
        f"Run {run['run_id']!r} of DAG {run['dag_id']!r} has no task {task_id[:60]!r}{where}."
        f"{'' if where else did_you_mean(task_id, task_ids)}"
        f" List the tasks with `airflow-lite tasks list {run['dag_id']}`."
    )


def history(
    connection: sa.Connection, dag_run_id: int, task_id: str, map_index: int | None = None
) -> Sequence[RowMapping]:
    """Return what happened to a task's instances, in order; `map_index` None: all of them."""
    query = (
        sa.select(task_event)
        .join(task_instance, task_instance.c.id == task_event.c.task_instance_id)
        .where(task_instance.c.dag_run_id == dag_run_id, task_instance.c.task_id == task_id)
        .order_by(task_event.c.id)
    )
    if map_index is not None:
        query = query.where(task_event.c.map_index == map_index)
    return connection.execute(query).mappings().all()


def events_of_run(
    connection: sa.Connection, dag_run_id: int, after: int | None
) -> Sequence[RowMapping]:
    """Return what happened to a run's task instances after the event with this id, in order."""
    if after is None:
        ids = sa.select(task_instance.c.id).where(task_instance.c.dag_run_id == dag_run_id)
        query = sa.select(task_event).where(task_event.c.task_instance_id.in_(ids))
    else:  # there are few after it, and no index is needed to find those of the run
        query = sa.select(task_event).where(
            task_event.c.id > after,
            task_event.c.dag_run_id == dag_run_id,
            task_event.c.task_instance_id != 0,  # what was done to the run itself
        )
    return connection.execute(query.order_by(task_event.c.id)).mappings().all()


def unlogged_causes(connection: sa.Connection, key: TaskInstanceKey) -> Sequence[str]:
    """Return the causes of ended attempts of this try that are missing from its log.

    The scheduler ended them, lost while they ran or never claimed, so that no process could
    write the cause into the log; or their log is cut, which `LOG_CUT` in the cause says.
    """
    by_scheduler = sa.or_(attempt.c.claimed_us.is_(None), attempt.c.cause.like("lost: %"))
    is_cut = attempt.c.cause.like(f"%{LOG_CUT}: %")
    query = _of_try([attempt.c.cause], key).where(
        attempt.c.cause.is_not(None),
        sa.or_(sa.and_(attempt.c.accepted, by_scheduler), is_cut),
    )
    return connection.execute(query.order_by(attempt.c.ended_us)).scalars().all()


def hosts_of_try(connection: sa.Connection, key: TaskInstanceKey) -> list[str]:
    """Return the machines that claimed attempts of this try, each once, in their order."""
    query = _of_try([attempt.c.hostname], key).where(attempt.c.hostname.is_not(None))
    rows = connection.execute(query.order_by(attempt.c.claimed_us))
    return list(dict.fromkeys(rows.scalars()))


@dataclass(frozen=True, slots=True)
class TryRow:
    """One try of a task instance, as the columns of its row and of its newest attempt have it."""

    state: str | None
    attempt: str | None
    try_number: int
    queued_us: int | None
    queue: str
    pool: str
    pool_slots: int
    priority_weight: int
    executor: str | None
    external_executor_id: str | None
    hostname: str | None


def row_of_try(connection: sa.Connection, key: TaskInstanceKey) -> TryRow | None:
    """Return the row of a task instance as of this try; None if there is no such instance.

    What the row has of a newer try (state, attempt, machine, executor and its own id) is left out.
    """
    columns = [task_instance.c[name] for name in TryRow.__slots__]
    query = (
        sa.select(*columns)
        .join(dag_run, dag_run.c.id == task_instance.c.dag_run_id)
        .where(
            dag_run.c.dag_id == key.dag_id,
            dag_run.c.run_id == key.run_id,
            task_instance.c.task_id == key.task_id,
            task_instance.c.map_index == key.map_index,
        )
    )
    found = connection.execute(query).first()
    if found is None:
        return None
    row = TryRow(*found)
    return row if row.try_number == key.try_number else _as_of(connection, row, key)


def _as_of(connection: sa.Connection, row: TryRow, key: TaskInstanceKey) -> TryRow:
    names = ("outcome", "token", "queued_us", "hostname", "executor")
    columns = [attempt.c[name] for name in names]
    query = _of_try(columns, key).order_by(attempt.c.queued_us.desc()).limit(1)
    found = connection.execute(query).first() or (None,) * len(names)
    state, token, queued_us, hostname, executor = found
    return replace(
        row,
        state=state,
        attempt=token,
        try_number=key.try_number,
        queued_us=queued_us,
        executor=executor or row.executor,
        external_executor_id=None,
        hostname=hostname,
    )


def _of_try(columns: Sequence[sa.Column[Any]], key: TaskInstanceKey) -> sa.Select[Any]:
    """Return the query for columns of the attempts of a try."""
    return (
        sa.select(*columns)
        .join(task_instance, task_instance.c.id == attempt.c.task_instance_id)
        .join(dag_run, dag_run.c.id == task_instance.c.dag_run_id)
        .where(
            dag_run.c.dag_id == key.dag_id,
            dag_run.c.run_id == key.run_id,
            task_instance.c.task_id == key.task_id,
            task_instance.c.map_index == key.map_index,
            attempt.c.try_number == key.try_number,
        )
    )
