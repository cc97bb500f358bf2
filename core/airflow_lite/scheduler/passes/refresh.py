"""How memory follows the store: DAGs, runs that others made or edited, newer definitions.

`refresh` finds out which rows changed, `reload` loads the runs that are behind them.
"""

from __future__ import annotations

import logging
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_lite.errors import StoreError
from airflow_lite.scheduler.planner.advance import missing_instances
from airflow_lite.scheduler.state import run_log
from airflow_lite.scheduler.state.memory import OwnedDag, SkippedRun
from airflow_lite.scheduler.state.rows import read_run
from airflow_lite.states import SCHEDULABLE, DagRunState
from airflow_lite.store import callbacks, dags, runs, scheduling
from airflow_lite.store.faults import cause_of, is_database_error, is_of_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.spec.model import DagSpec

logger = logging.getLogger(__name__)

_Item = TypeVar("_Item")


def refresh(context: SchedulerContext) -> None:
    """Look for what others wrote: DAGs parsed or paused, runs made, edited or deleted."""
    with context.store.read() as connection:
        rows = scheduling.dag_rows(connection)
        versions = runs.unfinished_versions(connection, context.whose_runs)
        request_ids = callbacks.open_requests(connection, context.whose_runs)
    context.callbacks.add(request_ids)  # a host asked, and no event told of its attempt's end
    context.has_unowned = context.scope is None and any(row.owner_job_id is None for row in rows)
    _take_dags(context, rows)
    context.memory.plan_waiting_dags()  # a ring may have got lost
    context.memory.compare(versions)


def _take_dags(context: SchedulerContext, rows: list[Any]) -> None:
    memory = context.memory
    if (pinned := context.pinned) is not None:
        if memory.find_dag(pinned.spec.dag_id) is None:
            memory.put_dag(OwnedDag(pinned.spec.dag_id, pinned.version_id, pinned.spec))
        return
    mine = [row for row in rows if _is_mine(context, row)]
    newer = [
        row.dag_id
        for row in mine
        if (dag := memory.find_dag(row.dag_id)) is None or dag.version_id != row.version_id
    ]
    specs: dict[str, tuple[int, DagSpec]] = {}
    if newer:
        with context.store.read() as connection:
            texts = dags.spec_texts(connection, newer)
        specs = _read_specs(context, texts)
    for row in mine:
        _take_dag(context, row, specs.get(row.dag_id))
    memory.keep_dags({row.dag_id for row in mine})


def _is_mine(context: SchedulerContext, row: Any) -> bool:
    """Whether this is a DAG of ours; one whose row makes no sense is left out."""
    if not context.is_mine(row.dag_id, row.owner_job_id):
        return False
    try:
        scheduling.check_dag(row)
    except ValueError as error:
        _leave_out(context, row.dag_id, str(error))
        return False
    return row.version_id is not None


def _read_specs(
    context: SchedulerContext, texts: dict[str, tuple[int, str]]
) -> dict[str, tuple[int, DagSpec]]:
    """Return the definitions that can be read; a DAG of another goes on as it was, if it was."""
    specs = {}
    for dag_id, (version_id, text) in texts.items():
        try:
            specs[dag_id] = version_id, dags.read_spec(dag_id, text)
        except StoreError as error:
            _leave_out(context, dag_id, str(error))
        else:
            context.memory.withdraw_complaint(("DAG", dag_id))
            _tell_notices(context, specs[dag_id][1])
    return specs


def _tell_notices(context: SchedulerContext, spec: DagSpec) -> None:
    """Say once what of a DAG has no effect, whoever parsed its file."""
    for line in spec.notices if context.scope is None else ():
        if context.memory.complain(("notice", line)):
            logger.warning("%s", line)


def _leave_out(context: SchedulerContext, dag_id: object, reason: str) -> None:
    if context.memory.complain(("DAG", dag_id), reason):
        logger.error("DAG %r is left out: %s", dag_id, reason)


def _take_dag(context: SchedulerContext, row: Any, newer: tuple[int, DagSpec] | None) -> None:
    memory = context.memory
    state = (row.is_paused, row.is_active, row.row_version, row.pickle_id)
    if newer is not None:
        memory.put_dag(
            OwnedDag(row.dag_id, *newer, *state, saved_create_after_us=row.next_create_after_us)
        )
    elif (dag := memory.find_dag(row.dag_id)) is not None:
        if (dag.is_paused, dag.is_active, dag.row_version, dag.pickle_id) == state:
            return
        dag.is_paused, dag.is_active, dag.row_version, dag.pickle_id = state
        memory.revisit_dag(row.dag_id)


def reload(context: SchedulerContext) -> None:
    """Load again every run that memory is behind of."""
    if stale := context.memory.take_stale():
        load_runs(context, stale)


def load_runs(context: SchedulerContext, ids: Iterable[int]) -> None:
    """Load runs, with the instances of those that are running, in place of what memory has."""
    run_ids = set(ids)
    with context.store.read() as connection:
        # A backfill may have taken one meanwhile.
        rows = [row for row in runs.run_rows(connection, run_ids) if row.job_id == context.scope]
        running = [row.id for row in rows if row.state == DagRunState.RUNNING]
        instances = [
            row
            for row in scheduling.instance_rows(connection, running)
            if context.has_task(row.task_id)
        ]
    by_run = {
        run_id: list(of_run)
        for run_id, of_run in groupby(
            sorted(instances, key=attrgetter("dag_run_id")), attrgetter("dag_run_id")
        )
    }
    for run_id in run_ids - {row.id for row in rows}:
        context.memory.release_run(run_id)
    for row in rows:
        try:
            _take_run(context, row, by_run.get(row.id, []))
        except Exception as error:
            skip_run(context, row, error)  # type: ignore[arg-type]  # has the same names


def _take_run(context: SchedulerContext, row: Any, instances: list[Any]) -> None:
    memory = context.memory
    is_open = row.state in {DagRunState.QUEUED, DagRunState.RUNNING}
    run = read_run(row, instances) if is_open else None
    before = memory.find_run(row.id)
    memory.plan_dag(row.dag_id)
    if run is None:
        memory.release_run(row.id)
        if before is not None and before.state == DagRunState.RUNNING:
            run_log.run_ended(context, before, row.state, None)
    elif row.state == DagRunState.RUNNING:
        memory.put_run(run)
        if before is not None:
            run_log.instances_replaced(context, before, run)
    else:
        memory.put_queued_run(run)


def follow_definitions(context: SchedulerContext) -> None:
    """Let running runs follow the newest definition of their DAG, where that has changed."""
    for run, dag in context.memory.outdated_runs():
        try:
            _follow(context, run, dag)
        except Exception as error:
            skip_run(context, run, error)
        else:
            context.memory.doubt([run.id])
    reload(context)


def _follow(context: SchedulerContext, run: Run, dag: OwnedDag) -> None:
    tasks = dag.spec.tasks
    added = missing_instances(run, dag.spec)
    unqueued = [
        (instance.id, tasks[instance.task_id])
        for instance in run.instances.values()
        if instance.task_id in tasks and instance.state in SCHEDULABLE
    ]
    with context.store.begin() as connection:
        runs.insert_instances(connection, run.id, added)
        scheduling.refresh_instances(connection, unqueued)
        runs.set_run_version(connection, [run.id], dag.version_id)


def skip_run(context: SchedulerContext, run: Run, error: Exception) -> None:
    """Leave out a run that cannot be handled, until someone edits it or its DAG changes.

    An error of the database that is not about the run's rows is not the run's: it is raised again.
    """
    is_from_database = is_database_error(error)
    if is_from_database and not is_of_rows(error):
        raise error
    reason = cause_of(error) if is_from_database else f"{type(error).__name__}: {error}"
    skipped = SkippedRun(run.dag_id, run.row_version, reason)
    if context.memory.skipped.get(run.id) == skipped:
        return
    logger.error(
        "run %r of DAG %r cannot be scheduled, and is left out until it or its DAG changes: %s",
        run.run_id,
        run.dag_id,
        reason,
        exc_info=None if is_from_database else error,
    )
    context.memory.skip_run(run.id, skipped)


def write_each(
    context: SchedulerContext,
    items: Sequence[_Item],
    write: Callable[[Sequence[_Item]], None],
    run_of: Callable[[_Item], Run],
) -> None:
    """Write all at once; where the database refuses a row, each by itself, and skip its run."""
    try:
        write(items)
    except Exception as error:
        if not is_of_rows(error):
            raise
    else:
        return
    for item in items:
        try:
            write([item])
        except Exception as error:
            if not is_of_rows(error):
                raise
            skip_run(context, run_of(item), error)
