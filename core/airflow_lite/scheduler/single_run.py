"""One run of one DAG, scheduled by this process alone: `dags test`."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import SystemClock
from airflow_lite.errors import DagNotFound, UserError
from airflow_lite.scheduler.loop.assembly import make_loop
from airflow_lite.scheduler.loop.shutdown import Stopping
from airflow_lite.scheduler.recovery.dead_dag_tests import fail_dead_tests
from airflow_lite.spec.timetable import manual_interval
from airflow_lite.states import DagRunState, DagRunType
from airflow_lite.store import dags, jobs, lookup, runs, scheduling, test_dates, test_runs
from airflow_lite.store.dag_saving import keep_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import sqlalchemy as sa

    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.scheduler.loop.loop import Loop
    from airflow_lite.scheduler.state.memory import RunMemory
    from airflow_lite.spec.model import DagSpec
    from airflow_lite.store.engine import Store


class DagSource(NamedTuple):
    """A DAG with the file to run it from, whichever file has its id in the store."""

    spec: DagSpec
    path: str


class RunStopped(UserError):
    """The run was stopped by a signal, and is failed. Start it again."""

    def __init__(self, run_id: str, dag_id: str, number: int) -> None:
        super().__init__(
            f"Run {run_id!r} of DAG {dag_id!r} was stopped by {_name(number)}, and is failed."
        )
        self.exit_code = 128 + number  # as a shell tells of a signal


def run_dag(
    config: Config,
    store: Store,
    dag_id: str,
    logical_us: int | None,
    conf: Mapping[str, Any] | None,
    *,
    use_executor: bool = False,
    on_event: Callable[[str], None] | None = None,
    executor: BaseExecutor | None = None,
    source: DagSource | None = None,
) -> DagRunState:
    """Run a DAG once, for a logical date (None: now), beside a scheduler if one runs.

    Attempts run in this process, or with `use_executor` on the configured executor. An earlier
    test of this logical date is replaced; no other run is touched. `on_event` gets a line for each
    thing that happens. `source` is run in place of what the store has. Returns the run's final
    state; raises `UserError`. SIGINT and SIGTERM end what runs, fail the run, and raise
    `RunStopped`.
    """
    clock = SystemClock()
    fail_dead_tests(config, store, clock)
    executor = executor or _executor(config, use_executor=use_executor)
    with _stopping(interrupts=not executor.runs_in_process) as stopping:
        loop = make_loop(
            config,
            store,
            executor,
            kind="dags_test",
            only_dag=dag_id,
            clock=clock,
            on_event=on_event,
            stopping=stopping,
        )
        state = DagRunState.FAILED
        try:
            if source is not None:
                loop.context.pin_dag(_keep_version(store, source, clock), *source)
            state = _drive(loop, dag_id, logical_us, conf)
        finally:
            stopping.deafen()
            _close(loop, state)
    return state


@contextmanager
def _stopping(*, interrupts: bool) -> Iterator[Stopping]:
    """Take signals, if this is the main thread; what ran is stopped by the first one."""
    stopping = Stopping(revokes=True)
    is_main = threading.current_thread() is threading.main_thread()
    if is_main:
        # Without `interrupts`, a task in this process is interrupted as any Python code is.
        stopping.listen(interrupts=interrupts)
    try:
        yield stopping
    finally:
        if is_main:
            stopping.unlisten()


def _executor(config: Config, *, use_executor: bool) -> BaseExecutor:
    from airflow_lite.executors.in_process import InProcessExecutor
    from airflow_lite.plugins.executors import load_executor

    if use_executor:
        return load_executor(config)
    executor = InProcessExecutor()
    executor.configure(config)
    return executor


def _keep_version(store: Store, source: DagSource, clock: Clock) -> int:
    with store.begin() as connection:
        return keep_version(connection, source.spec, clock.now_us())


def _begin(loop: Loop, dag_id: str, logical_us: int | None, conf: Mapping[str, Any] | None) -> int:
    store, now_us = loop.context.store, loop.context.clock.now_us()
    logical_us = test_dates.date_us(DagRunType.TEST, now_us if logical_us is None else logical_us)
    run_id = test_runs.run_id_of(logical_us)
    with store.begin() as connection:
        version_id, spec = _definition(loop, connection, dag_id)
        _replace(connection, dag_id, run_id)
        return runs.create_run(
            connection,
            spec,
            version_id,
            run_id=run_id,
            run_type=DagRunType.TEST,
            logical_us=test_runs.free_us(connection, dag_id, logical_us),
            interval=manual_interval(spec, logical_us),
            conf=conf or {},
            external_trigger=False,
            now_us=now_us,
            state=DagRunState.RUNNING,
            job_id=loop.context.job_id,
        )


def _definition(loop: Loop, connection: sa.Connection, dag_id: str) -> tuple[int, DagSpec]:
    if (pinned := loop.context.pinned) is not None:
        return pinned.version_id, pinned.spec
    latest = dags.latest_spec(connection, dag_id)
    if latest is None:
        raise DagNotFound(f"There is no DAG {dag_id!r}. See `airflow-lite dags list`.")
    return latest


def _replace(connection: sa.Connection, dag_id: str, run_id: str) -> None:
    """Delete an earlier test of this date; refuse while tasks of it are under way."""
    earlier = lookup.find_run(connection, dag_id, run_id, None)
    if earlier is None or earlier.run_type != DagRunType.TEST:
        return
    if scheduling.has_active(connection, earlier.id):
        raise UserError(
            f"Run {earlier.run_id!r} of DAG {dag_id!r} tests this logical date already, and tasks"
            " of it are queued or running. Wait for its end, or choose another logical date."
        )
    scheduling.delete_run(connection, earlier.id)


def _drive(
    loop: Loop, dag_id: str, logical_us: int | None, conf: Mapping[str, Any] | None
) -> DagRunState:
    """Make the run, and pass until it is over or a signal came; return the run's state."""
    context, stopping = loop.context, loop.stopping
    if threading.current_thread() is threading.main_thread():
        context.waker.wake_on_signals()
    run_row = None
    try:
        run_row = _begin(loop, dag_id, logical_us, conf)
        loop.run(until=lambda: _is_over(context.memory, run_row))
        return _end(loop, run_row)
    except BaseException as error:
        stopping.deafen()
        if isinstance(error, KeyboardInterrupt) and stopping.signal is not None and run_row:
            return _end(loop, run_row)
        raise


def _is_over(memory: RunMemory, run_row: int) -> bool:
    return memory.find_run(run_row) is None and not memory.is_stale


def _abandon(loop: Loop, cause: str) -> None:
    """Fail the run of this job if it is not over, whatever of it we know."""
    context = loop.context
    with context.store.begin() as connection:
        mine = jobs.runs_of_jobs(connection, [context.job_id])
        scheduling.abandon_runs(connection, mine, context.clock.now_us(), cause)


def _close(loop: Loop, state: DagRunState) -> None:
    """Close the loop; a run that is not over by now, wherever a signal struck, has failed."""
    try:
        _abandon(loop, "the process that ran it failed")
    finally:
        loop.close(state="success" if state == DagRunState.SUCCESS else "failed")


def _end(loop: Loop, run_row: int) -> DagRunState:
    """Return the state of a run that is over; fail one that is not, and raise `RunStopped`."""
    number = loop.stopping.signal
    _abandon(loop, f"stopped by {_name(number)}" if number else "its process ended")
    with loop.context.store.read() as connection:
        rows = runs.run_rows(connection, [run_row])
    state = DagRunState(rows[0].state) if rows else DagRunState.FAILED
    if number is not None and rows and state != DagRunState.SUCCESS:
        raise RunStopped(rows[0].run_id, rows[0].dag_id, number)
    return state


def _name(number: int) -> str:
    return signal.Signals(number).name
