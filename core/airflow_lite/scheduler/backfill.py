"""A backfill: the runs of a range of dates, scheduled by this process beside any scheduler."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.clock import SystemClock
from airflow_lite.errors import UserError
from airflow_lite.scheduler.loop.assembly import make_loop
from airflow_lite.scheduler.loop.shutdown import Stopping
from airflow_lite.scheduler.passes.backfill_runs import refusal, tasks_left
from airflow_lite.scheduler.passes.executor_reports import ExecutorDidNotStart
from airflow_lite.scheduler.recovery.live_jobs import live_jobs
from airflow_lite.scheduler.state.backfill import Backfill, BackfillOptions
from airflow_lite.spec.timetable import runs_between
from airflow_lite.states import ACTIVE, TaskInstanceState
from airflow_lite.store import backfills, doorbell, edits, jobs, scheduling

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.config import Config
    from airflow_lite.scheduler.loop.loop import Loop
    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.scheduler.state.memory import RunMemory
    from airflow_lite.spec.model import DagRunInfo, DagSpec
    from airflow_lite.store.engine import Store
    from airflow_lite.store.runs import Row

_MOVING = ACTIVE | {TaskInstanceState.DEFERRED}


class BackfillRange(NamedTuple):
    """Which dates are to be run, both ends included, and in which order."""

    first_us: int
    last_us: int
    is_backwards: bool = False


class StuckRun(NamedTuple):
    """A run of which nothing can run, since its tasks wait for those of the run before."""

    run_id: str
    task_ids: list[str]


class BackfillEnd(NamedTuple):
    """How a backfill ended: `signal` stopped it; runs are `stuck` that wait for one that failed."""

    signal: int | None
    stuck: list[StuckRun]


def plan_backfill(
    spec: DagSpec,
    version_id: int,
    dates: BackfillRange,
    options: BackfillOptions,
    *,
    task_ids: Collection[str] | None = None,
    pool: str | None = None,
) -> Backfill:
    """Return a backfill to be run, or to be shown; `task_ids`: of these tasks alone.

    Raises `UserError` where it would go backwards though tasks wait for the run before.
    """
    part = spec if task_ids is None else spec.subset(task_ids)
    if pool is not None:
        tasks = {name: replace(task, pool=pool) for name, task in part.tasks.items()}
        part = replace(part, tasks=tasks)
    runs = list(runs_between(spec, dates.first_us, dates.last_us, SystemClock().now_us()))
    if dates.is_backwards:
        _refuse_past(part)
        runs.reverse()
    return Backfill(part, version_id, deque(runs), options, is_pinned=part is not spec)


def _refuse_past(spec: DagSpec) -> None:
    asking = [task.task_id for task in spec.tasks_asking_past]
    if asking:
        raise UserError(
            f"DAG {spec.dag_id!r} cannot be run backwards: {', '.join(asking)} depends on the run"
            " before (depends_on_past). Leave out --run-backwards."
        )


class PlannedRun(NamedTuple):
    """A run of a backfill before it begins: `left` tasks are to run, of one `known` already."""

    run_id: str
    dates: DagRunInfo
    left: int
    known: bool


def preview(store: Store, backfill: Backfill) -> list[PlannedRun]:
    """Return what a backfill would do, in its order; nothing is written."""
    with store.read() as connection:
        known = backfills.runs_at(connection, backfill.dag_id, _dates_us(backfill))
        left = tasks_left(connection, backfill, [run.id for run in known.values()])
    everything = len(backfill.spec.tasks)
    planned = []
    for info in backfill.waiting:
        run = known.get(info.logical_us)
        name, count = (
            (backfills.run_id_of(info.logical_us), everything)
            if run is None
            else (run.run_id, left[run.id])
        )
        planned.append(PlannedRun(name, info, count, known=run is not None))
    return planned


def reset(store: Store, backfill: Backfill) -> list[tuple[str, Row]]:
    """Have all that there is of the backfill's runs cleared first; return it, each with its run.

    They are cleared as the backfill begins, in one transaction.
    """
    with store.read() as connection:
        runs = backfills.runs_at(connection, backfill.dag_id, _dates_us(backfill))
        run_ids = {run.id: run.run_id for run in runs.values()}
        rows = scheduling.instance_rows(connection, run_ids)
    tasks = backfill.spec.tasks
    mine = [row for row in rows if row.task_id in tasks]
    backfill.cleared = [
        edits.Clearable(row.id, row.dag_run_id, row.state, tasks[row.task_id].retries)
        for row in mine
    ]
    return [(run_ids[row.dag_run_id], row) for row in mine]


def _dates_us(backfill: Backfill) -> list[int]:
    return [run.logical_us for run in backfill.waiting]


def check_free(config: Config, store: Store, backfill: Backfill) -> None:
    """Raise `UserError` if somebody runs one of the runs now.

    The jobs of backfills that died are ended first: what they left may be taken up.
    """
    with store.read() as connection:
        living = live_jobs(config, connection, kind="backfill").job_ids
        dead = {row.id for row in jobs.running_jobs(connection, "backfill")} - living
    if dead:
        with store.begin() as connection:
            jobs.end_jobs(connection, dead, state="failed", now_us=SystemClock().now_us())
    with store.read() as connection:
        known = backfills.runs_at(connection, backfill.dag_id, _dates_us(backfill))
    for run in known.values():
        if not run.is_free:
            raise UserError(refusal(backfill.dag_id, run))


def run_backfill(
    config: Config,
    store: Store,
    backfill: Backfill,
    *,
    executor: BaseExecutor,
    on_event: Callable[[str], None] | None = None,
    with_plugins: bool = True,
) -> BackfillEnd:
    """Run a backfill on an executor until all of it is over, stuck, or stopped by a signal.

    On the first signal nothing more begins, and what runs gets `[scheduler] shutdown_grace_s`;
    what runs then still records its own end. `on_event` gets a line for each thing that happens,
    plugins are told of it `with_plugins`. Raises `UserError`.
    """
    stopping = Stopping(ends="the backfill")
    if _is_main():
        stopping.listen()  # before there is a job, so that whatever ends it records its end
    try:
        loop = make_loop(
            config,
            store,
            executor,
            kind="backfill",
            only_dag=backfill.dag_id,
            on_event=on_event,
            stopping=stopping,
            backfill=backfill,
        )
        return _drive(loop, backfill, with_plugins=with_plugins)
    except ExecutorDidNotStart as error:
        raise UserError(f"{executor} did not start: {str(error).rstrip('.')}.") from None
    finally:
        stopping.unlisten()


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _drive(loop: Loop, backfill: Backfill, *, with_plugins: bool) -> BackfillEnd:
    context = loop.context
    stuck: list[StuckRun] = []
    is_good = False
    try:
        if backfill.is_pinned:
            context.pin_dag(backfill.version_id, backfill.spec, None)
        if with_plugins:
            loop.let_plugins_listen()
        if _is_main():
            loop.listen()
        _clear(context, backfill)

        def is_over() -> bool:
            if context.memory.find_dag(backfill.dag_id) is None:
                backfill.refuse(f"DAG {backfill.dag_id!r} was deleted.")
            stuck[:] = _stuck_runs(context.memory, backfill)
            return backfill.is_over or bool(stuck)

        loop.run(until=is_over)
        is_good = backfill.is_over and not backfill.failed
    finally:
        loop.stopping.deafen()
        loop.close(state="success" if is_good else "failed")
    return BackfillEnd(loop.stopping.signal, stuck)


def _clear(context: SchedulerContext, backfill: Backfill) -> None:
    """Clear what is to be cleared, for this job alone: a scheduler would start those runs."""
    if backfill.cleared:
        with context.store.begin() as connection:
            cleared = edits.clear(connection, backfill.cleared, now_us=context.clock.now_us())
            backfills.reserve(connection, cleared, context.job_id)
            doorbell.ring(connection, runs=sorted(cleared))


def _stuck_runs(memory: RunMemory, backfill: Backfill) -> list[StuckRun]:
    """Return the runs that are under way, if nothing runs, is ready or will be by itself."""
    may_move = memory.is_due or memory.next_wake_us() is not None or not backfill.begun
    if may_move or any(len(run.ready) or run.events for run in memory.running):
        return []
    if any(instance.state in _MOVING for _, instance in memory.instances):
        return []
    asking = [task.task_id for task in backfill.spec.tasks_asking_past]
    return [StuckRun(run.run_id, _waiting_of(run, asking)) for run in memory.running]


def _waiting_of(run: Run, task_ids: Collection[str]) -> list[str]:
    waiting = {key[0] for key, instance in run.instances.items() if instance.state is None}
    return [task_id for task_id in task_ids if task_id in waiting]
