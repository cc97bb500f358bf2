"""How a loop is put together: from a configuration and an executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.clock import SystemClock
from airflow_lite.errors import StoreError
from airflow_lite.executors.driving.inline import InlineExecutor
from airflow_lite.executors.driving.thread import ExecutorThread
from airflow_lite.metrics.configured import open_sinks
from airflow_lite.processes.timers import Timers
from airflow_lite.processes.waker import Waker
from airflow_lite.scheduler.dag_files.pickling import check_pickling
from airflow_lite.scheduler.loop.loop import Loop
from airflow_lite.scheduler.recovery.lease import Ownership
from airflow_lite.scheduler.state.callback_runner import Callbacks
from airflow_lite.scheduler.state.context import SchedulerContext
from airflow_lite.scheduler.state.figures import ExecutorGauges, Figures
from airflow_lite.scheduler.state.settings import Settings
from airflow_lite.store import doorbell

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.scheduler.loop.shutdown import Stopping
    from airflow_lite.scheduler.state.backfill import Backfill
    from airflow_lite.store.engine import Store


def check_store(executor: BaseExecutor, config: Config) -> None:
    """Raise `StoreError` where the executor cannot serve the configured database."""
    reason = executor.check_store(config.get("database", "sql_alchemy_conn"))
    if reason is not None:
        raise StoreError(reason)


def name_of(executor: BaseExecutor) -> str:
    """Return the name under which attempts are queued for an executor."""
    return executor.name or type(executor).__name__


def make_loop(
    config: Config,
    store: Store,
    executor: BaseExecutor,
    *,
    kind: str = "scheduler",
    only_dag: str | None = None,
    clock: Clock | None = None,
    on_event: Callable[[str], None] | None = None,
    with_files: bool = True,
    with_bell: bool = True,
    stopping: Stopping | None = None,
    backfill: Backfill | None = None,
) -> Loop:
    """Make a loop that has its job, and on SQLite its lock; nothing is started yet.

    `kind` is `scheduler`, or `dags_test` and `backfill` for the runs of that job alone, of
    `only_dag`; `backfill` says which those are. `stopping` may listen already, so that a signal
    finds no job without an end. Raises `SchedulerRunsAlready`, `StoreError` and `ConfigError`.
    """
    clock = clock or SystemClock()
    settings = Settings.read(config)
    check_store(executor, config)
    has_pickles = check_pickling(executor, config)
    is_scheduler = kind == "scheduler"
    if is_scheduler and with_bell:
        doorbell.check(config, store)
    figures = _figures(config, executor) if is_scheduler else None
    ownership = Ownership.take(config, store, clock, kind=kind, executor=name_of(executor))
    executor.job_id = ownership.job_id
    waker = Waker()
    context = SchedulerContext(
        config=config,
        settings=settings,
        store=ownership.fenced_store,
        clock=clock,
        waker=waker,
        timers=Timers(clock.monotonic),
        callbacks=Callbacks(config, store, clock, settings.callback_timeout_s),
        runner=_runner(executor, waker, settings, clock),
        executor_name=name_of(executor),
        is_inline=executor.runs_in_process,
        job_id=ownership.job_id,
        routes=executor.routes,
        scope=None if is_scheduler else ownership.job_id,
        only_dag=only_dag,
        backfill=backfill,
        has_pickles=has_pickles,
        on_event=on_event,
        figures=figures,
    )
    loop = Loop(context, ownership, stopping)
    if is_scheduler and with_bell:
        loop.hang_bell()
    if is_scheduler and with_files:
        loop.watch_files()
    return loop


def _figures(config: Config, executor: BaseExecutor) -> Figures | None:
    """Return what takes the scheduler's figures, and the executor's; None if nobody asked."""
    sinks = open_sinks(config)
    if sinks is None:
        return None
    executor.metrics = ExecutorGauges(sinks, executor.metrics)
    return Figures(sinks)


def _runner(
    executor: BaseExecutor, waker: Waker, settings: Settings, clock: Clock
) -> ExecutorThread | InlineExecutor:
    if executor.runs_in_process:
        return InlineExecutor(executor, wake=waker.wake)
    return ExecutorThread(
        executor, wake=waker.wake, budget_s=settings.executor_budget_s, clock=clock
    )
