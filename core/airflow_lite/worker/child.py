"""The process of one attempt: forked by a zygote, reports to the host, ends with `os._exit`."""

from __future__ import annotations

import logging
import os
import random
import resource
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_lite.errors import AirflowTaskTerminated, AirflowTaskTimeout
from airflow_lite.worker.api import LineApi
from airflow_lite.worker.channel import Line
from airflow_lite.worker.execution import Execution
from airflow_lite.worker.log import LogFile, TaskStream, log_to

if TYPE_CHECKING:
    from airflow_lite.worker.request import AttemptRequest, Outcome

logger = logging.getLogger("airflow_lite.task")


def become_child(output: int) -> None:
    """Leave the zygote's group, signals and streams behind; `output` is what 1 and 2 become."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as in every Python process
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(null)
    os.close(output)
    _reseed()


def _reseed() -> None:
    """Let no two attempts draw the random numbers that their zygote would have drawn."""
    random.seed()
    if "numpy" in sys.modules:
        with suppress(Exception):
            sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        with suppress(Exception):
            sys.modules["torch"].manual_seed(int.from_bytes(os.urandom(7), "big"))


def run_attempt(
    request: AttemptRequest, task: Any, host: socket.socket, log_fd: int, timeout_s: float | None  # noqa: ANN401
) -> NoReturn:
    """Run the task's code in this process, report, call back, and end the process."""
    code = 1
    line = Line(host)
    try:
        file = LogFile(log_fd, request.max_log_bytes)
        _redirect(file, request)
        execution = Execution(request, task, LineApi(line))
        outcome = _guarded(execution, timeout_s)
        _report(line, execution, outcome)
        code = 0
    except (OSError, EOFError):
        code = 1  # the host is gone: nobody to report to
    except BaseException:  # noqa: BLE001 - the last boundary: the host must see that we failed
        with suppress(Exception):
            logger.exception("The attempt could not be run")
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.finish()  # type: ignore[union-attr]
        os._exit(code)


def _redirect(file: LogFile, request: AttemptRequest) -> None:
    sys.stdout = TaskStream(file, 1, "INFO")
    sys.stderr = TaskStream(file, 2, "WARNING")
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc,assignment]
    log_to(file, request.log_level)
    for notice in request.notices:
        logger.warning("%s", notice)


def _guarded(execution: Execution, timeout_s: float | None) -> Outcome:
    """Run with a SIGTERM handler that ends the task's code, until its outcome is known."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s

    def stop(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        logger.error("Received SIGTERM. Terminating subprocesses.")
        with suppress(Exception):
            execution.task.on_kill()
        if deadline is not None and time.monotonic() >= deadline:
            raise AirflowTaskTimeout(
                f"The task ran longer than its execution_timeout of {timeout_s:g} s."
            )
        raise AirflowTaskTerminated("Task received SIGTERM signal")

    signal.signal(signal.SIGTERM, stop)
    try:
        return execution.run()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _report(line: Line, execution: Execution, outcome: Outcome) -> None:
    _, callbacks = execution.callbacks(outcome)
    measured = _measured(outcome)
    line.send({"outcome": measured.to_message(), "more": bool(callbacks)})
    if callbacks:
        execution.call_back(outcome)
        line.send({"done": True})


def _measured(outcome: Outcome) -> Outcome:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return replace(
        outcome, max_rss_kb=max(own.ru_maxrss, children.ru_maxrss), cpu_us=round(cpu_s * 1e6)
    )
