"""DAG runs that somebody asks for: the command line, a task, whoever else has a user's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.clock import US_PER_S, iso
from airflow_lite.errors import DagNotFound, DagRunAlreadyExists, UserError
from airflow_lite.spec.params import check_conf
from airflow_lite.spec.timetable import manual_interval, scheduled_interval
from airflow_lite.store import dags, doorbell, edits
from airflow_lite.store.edits import Clearable
from airflow_lite.store.runs import create_run
from airflow_lite.store.schema import dag_run, task_instance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_lite.spec.model import DagSpec


class WantedRun(NamedTuple):
    """What is asked for; what is None follows from the moment, as Airflow has it."""

    conf: Mapping[str, Any] | None = None
    run_id: str | None = None
    logical_us: int | None = None
    has_scheduled_interval: bool = (
        False  # that of the scheduled run of its date, not the one before
    )
    keeps_microseconds: bool = False
    interval: tuple[int, int] | None = None  # its data interval, in place of what the schedule says
    note: str | None = None


def trigger(
    connection: sa.Connection, spec: DagSpec, version_id: int, wanted: WantedRun, *, now_us: int
) -> int:
    """Make a run of a DAG, which its scheduler is woken for; return the run's row id.

    Where no date is asked for and the second is taken, the run gets its microseconds. Raises
    `DagRunAlreadyExists`, `InvalidIdError`, `ParamValidationError` where the conf breaks a param,
    and `ValueError` where the date is none of the schedule's that has to be one.
    """
    check_conf(spec, wanted.conf or {})
    exact_us = now_us if wanted.logical_us is None else wanted.logical_us
    logical_us = exact_us if wanted.keeps_microseconds else exact_us - exact_us % US_PER_S
    try:
        run_row_id = _create(connection, spec, version_id, wanted, logical_us, now_us)
    except DagRunAlreadyExists:
        if wanted.logical_us is not None or logical_us == exact_us:
            raise
        run_row_id = _create(connection, spec, version_id, wanted, exact_us, now_us)
    doorbell.ring(connection, runs=[run_row_id])
    return run_row_id


def _create(
    connection: sa.Connection,
    spec: DagSpec,
    version_id: int,
    wanted: WantedRun,
    logical_us: int,
    now_us: int,
) -> int:
    return create_run(
        connection,
        spec,
        version_id,
        run_id=f"manual__{iso(logical_us)}" if wanted.run_id is None else wanted.run_id,
        run_type="manual",
        logical_us=logical_us,
        interval=wanted.interval or _interval(spec, wanted, logical_us),
        conf=wanted.conf,
        external_trigger=True,
        note=wanted.note,
        now_us=now_us,
    )


def _interval(spec: DagSpec, wanted: WantedRun, logical_us: int) -> tuple[int, int]:
    if wanted.has_scheduled_interval:
        return scheduled_interval(spec, logical_us)
    try:
        return manual_interval(spec, logical_us)
    except UserError:
        raise
    except Exception as error:  # an author's timetable may raise anything
        raise UserError(
            f"DAG {spec.dag_id!r}: its timetable {spec.schedule.summary!r} cannot tell the data"
            f" interval of {iso(logical_us)}: {type(error).__name__}: {error}"
        ) from error


def trigger_by_task(
    connection: sa.Connection,
    dag_id: str,
    wanted: WantedRun,
    *,
    asked_us: int,
    resets: bool = False,
) -> dict[str, Any]:
    """Make a run of a DAG for a task, or find the one of this id or date that there is.

    Returns its `run_id` and `logical_us`, and whether it `is_new`: one that was queued at
    `asked_us` is, since nobody knew whether its COMMIT was written. With `resets` one that is not
    new is cleared. Raises `DagNotFound`, and what `trigger` raises.
    """
    version_id, spec = _active_spec(connection, dag_id)
    query: sa.Select[Any]
    try:
        run_row_id = trigger(connection, spec, version_id, wanted, now_us=asked_us)
        query = _RUN.where(dag_run.c.id == run_row_id)
    except DagRunAlreadyExists:
        query = _existing(dag_id, wanted)
    run = connection.execute(query).first()
    assert run is not None  # whoever deletes it waits for this transaction
    is_new = run.queued_us == asked_us
    if resets and not is_new:
        _clear(connection, spec, run.id, asked_us)
    return {"run_id": run.run_id, "logical_us": run.logical_us, "is_new": is_new}


def _active_spec(connection: sa.Connection, dag_id: str) -> tuple[int, DagSpec]:
    latest = dags.latest_spec(connection, dag_id)
    if latest is None or dags.file_of(connection, dag_id) is None:
        raise DagNotFound(f"There is no DAG {dag_id!r}. See `airflow-lite dags list`.")
    return latest


_RUN = sa.select(dag_run.c.id, dag_run.c.run_id, dag_run.c.logical_us, dag_run.c.queued_us)


def _existing(dag_id: str, wanted: WantedRun) -> sa.Select[Any]:
    """Return the query of the run that has the date which is wanted, or else the id."""
    has_date = dag_run.c.logical_us == wanted.logical_us
    same = sa.or_(dag_run.c.run_id == wanted.run_id, has_date)
    return _RUN.where(dag_run.c.dag_id == dag_id, same).order_by(has_date.desc())


def _clear(connection: sa.Connection, spec: DagSpec, run_row_id: int, now_us: int) -> None:
    """Clear all tasks of a run."""
    rows = connection.execute(_INSTANCES.where(task_instance.c.dag_run_id == run_row_id))
    chosen = [
        Clearable(row.id, run_row_id, row.state, spec.tasks[row.task_id].retries)
        for row in rows
        if row.task_id in spec.tasks
    ]
    edits.clear(connection, chosen, now_us=now_us)
    doorbell.ring(connection, runs=[run_row_id])


_INSTANCES = sa.select(task_instance.c.id, task_instance.c.state, task_instance.c.task_id)
