"""User code in this very process and thread: under its time limit, and a second signal ends it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import (
    AirflowTaskTerminated,
    DagNotFound,
    TaskNotFound,
)
from airflow_lite.task_logger import task_logger
from airflow_lite.worker.in_process.orphan_guard import guard_orphans
from airflow_lite.worker.task.signals import TimeLimit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

    from airflow_lite.worker.messages import Outcome, RetryPolicy
    from airflow_lite.worker.task.execution import Execution

logger = task_logger()

_PACKAGES = f"{os.sep}site-packages{os.sep}"


def run_in_this_process(execution: Execution, policy: RetryPolicy, *, pdb: bool) -> Outcome:
    """Run the code, under its time limit, and its callbacks."""
    limit_s = policy.execution_timeout_s
    with guard_orphans():
        outcome = execution.run(_interrupts(execution, limit_s))
    error = execution.context.get("exception")
    if pdb and isinstance(error, BaseException):
        import pdb as debugger  # noqa: T100 - what the user asked for

        debugger.post_mortem(error.__traceback__)
    execution.call_back()
    return outcome


@contextmanager
def _interrupts(execution: Execution, limit_s: float | None) -> Iterator[None]:
    with _time_limit(execution, limit_s), _second_signal_ends(execution):
        yield


@contextmanager
def _time_limit(execution: Execution, limit_s: float | None) -> Iterator[None]:
    """Raise AirflowTaskTimeout in the code after `limit_s`; only the main thread can."""
    if limit_s is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def overran(_number: int, _frame: object) -> None:
        execution.kill()
        raise limit.error()

    before = signal.getsignal(signal.SIGALRM)
    limit = TimeLimit(limit_s, time.monotonic() - execution.passed_s(limit_s))
    limit.start(overran)
    try:
        yield
    finally:
        limit.stop()
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _second_signal_ends(execution: Execution) -> Iterator[None]:
    """Let the first SIGTERM or SIGINT do what it did before, and another one end the code."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    count, pid = 0, os.getpid()

    def take(number: int, frame: FrameType | None) -> None:
        nonlocal count
        if os.getpid() != pid:  # forked by the task: it ends by this as any program does
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        count += 1
        own = before[signal.Signals(number)]
        if callable(own):
            own(number, frame)
        if count > 1:
            logger.error("Received a second signal. Terminating subprocesses.")
            execution.kill()
            raise AirflowTaskTerminated("Task received a second signal")

    taken = [number for number, own in before.items() if callable(own)]
    for number in taken:
        signal.signal(number, take)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def find_task(path: str, dag_id: str, task_id: str) -> Any:
    """Return a task of a file; raise `DagNotFound`, `TaskNotFound`, and what its import raises."""
    from airflow_lite.parsing.folder import fingerprint

    dag = load_dags(path, fingerprint(path)).get(dag_id)
    if dag is None:
        raise DagNotFound(f"There is no DAG {dag_id!r} in {path}. Was it renamed?")
    if task_id not in dag.task_dict:
        raise TaskNotFound(f"There is no task {task_id!r} of DAG {dag_id!r} in {path}.")
    return dag.task_dict[task_id]


@lru_cache(maxsize=32)
def load_dags(path: str, _fingerprint: str) -> dict[str, Any]:
    """Import a DAG file into this process, once for each version of it."""
    from airflow_lite.config import Config
    from airflow_lite.parsing.authoring_hooks import call_hooks
    from airflow_lite.parsing.load import load_file
    from airflow_lite.plugins.authoring import authoring_hooks

    config = Config.load()
    call_hooks(authoring_hooks(config))
    _forget_modules(config.getpath("core", "dags_folder"))
    return {dag.dag_id: dag for dag in load_file(path)}


def _forget_modules(folder: Path) -> None:
    """Let the next file import modules of the DAG folder anew.

    Another file may have imported another module of the same name; what it has of it stays whole.
    """
    root = os.path.join(os.path.realpath(folder), "")
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or name.startswith("airflow_lite") or _PACKAGES in file:
            continue
        if os.path.realpath(file).startswith(root):
            del sys.modules[name]
