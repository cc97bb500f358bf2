"""One run of one DAG, scheduled by this process alone: `dags test`."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import SystemClock, iso
from airflow_lite.errors import DagNotFound, UserError
from airflow_lite.scheduler.recovery.dead_dag_tests import fail_dead_tests
from airflow_lite.states import DagRunState, DagRunType
from airflow_lite.store import dags, lookup, runs, scheduling
from airflow_lite.store.dag_saving import keep_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
        name = signal.Signals(number).name
        super().__init__(f"Run {run_id!r} of DAG {dag_id!r} was stopped by {name}, and is failed.")
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
    run with this logical date is replaced, as Airflow's `dag.test` does. `on_event` gets a line
    for each thing that happens. `source` is run in place of what the store has. Returns the run's
    final state; raises `UserError`. SIGINT and SIGTERM end what runs, fail the run, and raise
    `RunStopped`.
    """
    from airflow_lite.scheduler.loop.assembly import make_loop

    clock = SystemClock()
    fail_dead_tests(config, store, clock)
    executor = executor or _executor(config, use_executor=use_executor)
    loop = make_loop(
        config, store, executor, kind="dags_test", only_dag=dag_id, clock=clock, on_event=on_event
    )
    state = DagRunState.FAILED
    try:
        if source is not None:
            loop.context.pin_dag(_keep_version(store, source, clock), *source)
        run_row = _begin(loop, clock, dag_id, logical_us, conf)
        state = _drive(loop, run_row)
    finally:
        loop.close(state="success" if state == DagRunState.SUCCESS else "failed")
    return state


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


def _begin(
    loop: Loop, clock: Clock, dag_id: str, logical_us: int | None, conf: Mapping[str, Any] | None
) -> int:
    from airflow_lite.spec.timetable import manual_interval

    store, now_us = loop.context.store, clock.now_us()
    logical_us = now_us if logical_us is None else logical_us
    with store.begin() as connection:
        version_id, spec = _definition(loop, connection, dag_id)
        _replace(connection, dag_id, logical_us)
        return runs.create_run(
            connection,
            spec,
            version_id,
            run_id=f"{DagRunType.MANUAL}__{iso(logical_us)}",
            run_type=DagRunType.MANUAL,
            logical_us=logical_us,
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


def _replace(connection: sa.Connection, dag_id: str, logical_us: int) -> None:
    """Delete an earlier run with this logical date; refuse while tasks of it are under way."""
    earlier = lookup.find_run(connection, dag_id, None, logical_us)
    if earlier is None:
        return
    if scheduling.has_active(connection, earlier.id):
        raise UserError(
            f"Run {earlier.run_id!r} of DAG {dag_id!r} has this logical date, and tasks of it are"
            " queued or running. Wait for its end, or choose another logical date."
        )
    scheduling.delete_run(connection, earlier.id)


def _drive(loop: Loop, run_row: int) -> DagRunState:
    """Pass until the run is over or a signal came; return the run's state."""
    context, stopping = loop.context, loop.stopping
    is_main = threading.current_thread() is threading.main_thread()
    stopping.revokes = True
    if is_main:
        # In this process a task is interrupted by a signal as any Python code is.
        loop.listen(interrupts=not context.is_inline)
    try:
        loop.run(until=lambda: _is_over(context.memory, run_row))
        return _end(loop, run_row)
    except BaseException as error:
        if is_main:
            stopping.deafen()
        if isinstance(error, KeyboardInterrupt) and stopping.signal is not None:
            return _end(loop, run_row)
        with context.store.begin() as connection:
            scheduling.abandon_runs(
                connection, [run_row], context.clock.now_us(), "the process that ran it failed"
            )
        raise
    finally:
        if is_main:
            stopping.unlisten()


def _is_over(memory: RunMemory, run_row: int) -> bool:
    return memory.find_run(run_row) is None and not memory.is_stale


def _end(loop: Loop, run_row: int) -> DagRunState:
    """Return the state of a run that is over; fail one that is not, and raise `RunStopped`."""
    context, number = loop.context, loop.stopping.signal
    cause = f"stopped by {signal.Signals(number).name}" if number else "its process ended"
    with context.store.begin() as connection:
        scheduling.abandon_runs(connection, [run_row], context.clock.now_us(), cause)
        rows = runs.run_rows(connection, [run_row])
    state = DagRunState(rows[0].state) if rows else DagRunState.FAILED
    if number is not None and rows and state != DagRunState.SUCCESS:
        raise RunStopped(rows[0].run_id, rows[0].dag_id, number)
    return state
