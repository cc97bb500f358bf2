"""Attempts in this very process and thread: so that a breakpoint works. No task host, no fork."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import uuid
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import (
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    DagNotFound,
    TaskNotFound,
)
from airflow_lite.worker.execution import Execution
from airflow_lite.worker.log import FileHandler, LineFormatter, LogFile, Tee
from airflow_lite.worker.request import AttemptRequest, Outcome, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from airflow_lite.config import Config
    from airflow_lite.store.attempts import Supervisor
    from airflow_lite.store.engine import Store
    from airflow_lite.store.lookup import RunInfo
    from airflow_lite.worker.attempt import Attempt
    from airflow_lite.worker.settings import HostSettings

logger = logging.getLogger("airflow_lite.task")


def run_attempt(command: list[str], config: Config, *, pdb: bool = False) -> str | None:
    """Claim one attempt, run it here, record it; return its task instance's state then.

    None if the attempt is not, or not any more, to be run. With `pdb` a failure opens the
    debugger. What the code prints goes on to this process's streams, and to the log of the try.
    """
    from airflow_lite.store.engine import open_store

    store = open_store(config)
    try:
        return _Claimed(store, config, pdb=pdb).run(command)
    finally:
        store.close()


class _Claimed:
    """One attempt between its claim and its record."""

    def __init__(self, store: Store, config: Config, *, pdb: bool) -> None:
        from airflow_lite.clock import SystemClock
        from airflow_lite.worker.host_process import supervisor
        from airflow_lite.worker.settings import HostSettings

        self._store = store
        self._pdb = pdb
        self._clock = SystemClock()
        self._settings: HostSettings = HostSettings.read(config)
        self._who: Supervisor = supervisor(self._settings, "in_process", uuid.uuid4().hex, None)

    def run(self, command: list[str]) -> str | None:
        from airflow_lite.keys import RunCommand
        from airflow_lite.worker.attempt import Attempt

        attempt = Attempt(RunCommand.parse(command))
        if not self._claim(attempt):
            return None
        outcome = Outcome("failed", "interrupted")
        try:
            with self._logged(attempt), _environment():
                outcome = self._execute(attempt)
        finally:
            state = self._record(attempt, outcome)
        return state

    def _claim(self, attempt: Attempt) -> bool:
        from airflow_lite.store import attempts, lookup

        now_us = self._clock.now_us()
        with self._store.begin() as connection:
            row = lookup.find(connection, [attempt.key]).get(attempt.key.primary)
            if row is None or row.state != "queued" or row.attempt != attempt.token:
                return False
            attempt.row = row
            attempt.path = attempt.command.subdir or row.fileloc
            attempts.register(connection, self._who, now_us)
            return bool(attempts.claim(connection, [attempt.claim()], self._who, now_us))

    def _execute(self, attempt: Attempt) -> Outcome:
        from airflow_lite.worker.store_api import StoreApi

        try:
            task = _task(attempt.path, attempt.key.dag_id, attempt.key.task_id)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            logger.exception("The DAG file cannot be imported")
            return Outcome("failed", f"{type(error).__name__}: {error}"[:1000])
        attempt.policy = RetryPolicy.of(task)
        row = attempt.queued
        api = StoreApi(
            self._store, self._clock, row.run, (row.id, attempt.key.task_id, attempt.key.map_index)
        )
        request = attempt.request(self._settings, self._clock.now_us())
        execution = Execution(request, task, api, passes_interrupts=True)
        return _run(execution, attempt.policy, pdb=self._pdb)

    def _record(self, attempt: Attempt, outcome: Outcome) -> str | None:
        from airflow_lite.store import attempts

        now_us = self._clock.now_us()
        if attempt.policy is None:
            attempt.policy = RetryPolicy()
        ended = attempt.ended(outcome, now_us, self._settings.max_retry_delay_s)
        with self._store.begin() as connection:
            attempts.end(connection, [ended], self._who)
            attempts.end_supervisor(connection, self._who.id, now_us, "ended")
            rows = attempts.watch(connection, [attempt.queued.id])
        return rows[0].state if rows else None

    @contextmanager
    def _logged(self, attempt: Attempt) -> Iterator[None]:
        """Copy what is logged and printed to the log of the try."""
        from airflow_lite.log_paths import open_for_writing

        key = attempt.key._replace(try_number=attempt.queued.try_number)
        try:
            fd = open_for_writing(self._settings.log_folder, key)
        except OSError as error:  # a full disk fails no task
            logger.warning("no log for %s: %s", key, error)
            attempt.log_error = str(error)
            yield
            return
        file = LogFile(fd, self._settings.max_log_bytes)
        try:
            with _copied(file, self._settings.log_level, prints=not self._pdb):
                yield
        finally:
            attempt.log_error = file.error
            os.close(fd)
        if file.error is not None:
            logger.warning("the log of %s is cut: %s", key, file.error)


def _run(execution: Execution, policy: RetryPolicy, *, pdb: bool) -> Outcome:
    """Run the code, under its time limit, and its callbacks."""
    with _time_limit(execution, policy.execution_timeout_s), _second_signal_ends(execution):
        outcome = execution.run()
    error = execution.context.get("exception")
    if pdb and isinstance(error, BaseException):
        import pdb as debugger  # noqa: T100 - what the user asked for

        debugger.post_mortem(error.__traceback__)
    execution.call_back(outcome)
    return outcome


@contextmanager
def _time_limit(execution: Execution, limit_s: float | None) -> Iterator[None]:
    """Raise AirflowTaskTimeout in the code after `limit_s`; only the main thread can."""
    if limit_s is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def overran(_number: int, _frame: object) -> None:
        execution.task.on_kill()
        raise AirflowTaskTimeout(
            f"The task ran longer than its execution_timeout of {limit_s:g} s."
        )

    before = signal.signal(signal.SIGALRM, overran)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _second_signal_ends(execution: Execution) -> Iterator[None]:
    """Let the first SIGTERM or SIGINT do what it did before, and another one end the code."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    count = 0

    def take(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        own = before[signal.Signals(number)]
        if callable(own):
            own(number, frame)
        if count > 1:
            logger.error("Received a second signal. Terminating subprocesses.")
            execution.task.on_kill()
            raise AirflowTaskTerminated("Task received a second signal")

    taken = [number for number, own in before.items() if callable(own)]
    for number in taken:
        signal.signal(number, take)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


@contextmanager
def _environment() -> Iterator[None]:
    """Take back what a task set in the environment."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _copied(file: LogFile, level: str, *, prints: bool) -> Iterator[None]:
    handler = FileHandler(file)
    root = logging.getLogger()
    before = root.level, sys.stdout, sys.stderr
    root.addHandler(handler)
    root.setLevel(min(root.level or logging.INFO, getattr(logging, level.upper(), logging.INFO)))
    if prints:
        sys.stdout, sys.stderr = Tee(sys.stdout, file, "INFO"), Tee(sys.stderr, file, "WARNING")
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        sys.stdout, sys.stderr = before[1], before[2]


def _task(path: str, dag_id: str, task_id: str) -> Any:
    from airflow_lite.dag.folder import fingerprint

    found = _dags(path, fingerprint(path)).get(dag_id)
    if found is None:
        raise DagNotFound(f"There is no DAG {dag_id!r} in {path}. Was it renamed?")
    if task_id not in found.task_dict:
        raise TaskNotFound(f"There is no task {task_id!r} of DAG {dag_id!r} in {path}.")
    return found.task_dict[task_id]


@lru_cache(maxsize=32)
def _dags(path: str, _fingerprint: str) -> dict[str, Any]:
    """Import a DAG file into this process, once for each version of it."""
    from airflow_lite.dag.load import load_file

    return {dag.dag_id: dag for dag in load_file(path)}


# -------------------------------------------------------------------------- nothing is recorded


def test_task(
    config: Config,
    *,
    dag_id: str,
    task_id: str,
    logical_us: int | None,
    run_id: str | None,
    map_index: int,
    params: dict[str, Any] | None,
    pdb: bool,
) -> int:
    """Run a task here without its dependencies; record nothing; return 0 if it went well.

    The run is the one named, by id or logical date, or one that might be.
    """
    where = (dag_id, task_id, map_index)
    with _test_execution(config, where, logical_us, run_id, params) as execution:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(LineFormatter())
        root = logging.getLogger()
        before = root.level
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        try:
            outcome = _run(execution, RetryPolicy.of(execution.task), pdb=pdb)
        finally:
            root.removeHandler(handler)
            root.setLevel(before)
    return 1 if outcome.state == "failed" else 0


test_task.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever its name


def render_task(
    config: Config,
    *,
    dag_id: str,
    task_id: str,
    logical_us: int | None,
    run_id: str | None,
    map_index: int = -1,
    params: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a task's templated fields, rendered for a run that is or might be."""
    from airflow_lite.dag.render import render_fields
    from airflow_lite.worker.context import build_context

    where = (dag_id, task_id, map_index)
    with _test_execution(config, where, logical_us, run_id, params) as execution:
        return render_fields(execution.task, build_context(execution.ti))


@contextmanager
def _test_execution(
    config: Config,
    where: tuple[str, str, int],
    logical_us: int | None,
    run_id: str | None,
    params: dict[str, Any] | None,
) -> Iterator[Execution]:
    from airflow_lite.clock import SystemClock
    from airflow_lite.dag.param import ParamsDict
    from airflow_lite.store.engine import open_store
    from airflow_lite.worker.settings import HostSettings
    from airflow_lite.worker.store_api import TestApi

    dag_id, task_id, map_index = where
    store, clock, settings = open_store(config), SystemClock(), HostSettings.read(config)
    try:
        run, path = _test_run(store, dag_id, logical_us, run_id)
        task = _task(path, dag_id, task_id)
        request = AttemptRequest(
            key=(dag_id, task_id, run.run_id, 1, map_index, "0" * 32),
            run=run.fields(),
            max_tries=task.retries,
            start_us=clock.now_us(),
            hostname=settings.hostname,
            fileloc=path,
            max_xcom_bytes=settings.max_xcom_bytes,
            test_mode=True,
        )
        with _environment():
            api = TestApi(store, clock, run, (0, task_id, map_index))
            execution = Execution(request, task, api, passes_interrupts=True)
            if params:
                execution.task.params = ParamsDict(task.params)
                execution.task.params.update(params)
            yield execution
    finally:
        store.close()


def _test_run(
    store: Store, dag_id: str, logical_us: int | None, run_id: str | None
) -> tuple[RunInfo, str]:
    """Return the run that is there, or one as if it had been triggered, and the DAG's file."""
    from airflow_lite.clock import iso
    from airflow_lite.dag.timetable import manual_interval
    from airflow_lite.errors import DagRunNotFound
    from airflow_lite.store import dags, lookup

    with store.read() as connection:
        found = lookup.find_run(connection, dag_id, run_id, logical_us)
        known = dags.latest_spec(connection, dag_id)
    if known is None:
        raise DagNotFound(
            f"There is no DAG {dag_id!r}. List the known ones: airflow-lite dags list"
        )
    spec = known[1]
    if found is not None:
        return found, spec.fileloc
    if logical_us is None:
        raise DagRunNotFound(f"DAG {dag_id!r} has no run {run_id!r}. Name another, or a date.")
    interval = manual_interval(spec, logical_us)
    name = f"__airflow_temporary_run_{iso(logical_us)}__"
    run = lookup.RunInfo(
        0,
        dag_id,
        name,
        "manual",
        "running",
        logical_us,
        *interval,
        logical_us,
        logical_us,
        None,
        True,
        {},
        0,
    )
    return run, spec.fileloc
