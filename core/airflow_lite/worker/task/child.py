"""The process of one attempt: forked by a zygote, reports to the host, ends with `os._exit`."""

from __future__ import annotations

import errno
import os
import resource
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_lite.authoring.secrets.search import search
from airflow_lite.processes.proc import UNHEARD
from airflow_lite.secrets_masker import secrets_masker
from airflow_lite.task_logger import task_logger
from airflow_lite.worker.messages import CallbacksDone, ReportOutcome, RetryPolicy
from airflow_lite.worker.task.execution import Execution, is_poking
from airflow_lite.worker.task.line import Line
from airflow_lite.worker.task.secrets_client import AskedSecrets
from airflow_lite.worker.task.signals import Interrupts
from airflow_lite.worker.task.store_client import HostStoreClient
from airflow_lite.worker.task_log.file import LogFile, log_to, set_level
from airflow_lite.worker.task_log.streams import TaskStream

if TYPE_CHECKING:
    from airflow_lite.worker.messages import AttemptRequest, Outcome
    from airflow_lite.worker.task.sentry import Reporter

logger = task_logger()


def become_child() -> None:
    """Leave the zygote's group behind."""
    os.setsid()


def write_to(output: int) -> None:
    """Let what is written to the descriptors 1 and 2 go to `output`."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


def run_attempt(
    request: AttemptRequest,
    task: Any,
    host: socket.socket,
    log_fd: int,
    output: TaskOutput,
    reporter: Reporter,
    forked_at: float,
) -> NoReturn:
    """Run the task's code in this process, report, call back, and end the process."""
    code = 1
    line = Line(host)
    try:
        execution = Execution(request, task, HostStoreClient(line))
        policy = RetryPolicy.of(task)
        limit_s = policy.execution_timeout_s
        execution.prepare()
        began_at = max(forked_at, line.await_begin())
        output.begin(log_fd, request)
        if reporter.notice is not None:
            logger.warning("%s", reporter.notice)
        if request.reschedules_sensors is None and is_poking(task):
            execution.reschedules_sensors = line.reschedules_sensors()
        secrets_masker().tell(line.hide)
        search().store = AskedSecrets(line.ask)
        reporter.tag(execution.ti)
        line.share()
        line.check()  # its zygote may have hung for so long that it was given up
        outcome = execution.run(
            Interrupts(execution, limit_s, began_at - execution.passed_s(limit_s))
        )
        outcome = outcome._replace(log_error=output.file.error)
        _report(line, execution, outcome, policy, reporter)
        code = 0
    except (OSError, EOFError) as error:
        code = _unheard(error)
    except BaseException:
        with suppress(Exception):
            logger.exception("The attempt could not be run")
    finally:
        output.finish()
        os._exit(code)


def _unheard(error: OSError | EOFError) -> int:
    """Return the exit code where the host does not hear; say so where the task closed the line."""
    if getattr(error, "errno", None) not in {errno.EBADF, errno.ENOTSOCK}:
        return 1  # the host is gone, or has given the attempt up: nobody to report to
    logger.error(
        "The outcome cannot be reported (%s). Does the task close descriptors that are not its"
        " own, as os.closerange and code that makes a daemon of itself do?",
        error,
    )
    return UNHEARD


class TaskOutput:
    """Streams and log handler of a child, made in its zygote so that making them costs nothing."""

    def __init__(self) -> None:
        self.file = LogFile(-1, 0, spare_fd=2)
        self._before = sys.stdout, sys.stderr  # a DAG file may have kept them
        self.stdout = TaskStream(self.file, 1, "INFO")
        self.stderr = TaskStream(self.file, 2, "WARNING")
        log_to(self.file, "INFO")

    def begin(self, log_fd: int, request: AttemptRequest) -> None:
        """Send what the task prints and logs to `log_fd`."""
        self.file.open(log_fd, request.max_log_bytes)
        sys.stdout = sys.__stdout__ = self.stdout  # type: ignore[misc,assignment]
        sys.stderr = sys.__stderr__ = self.stderr  # type: ignore[misc,assignment]
        if request.log_level != "INFO":
            set_level(request.log_level)
        for notice in request.notices:
            logger.warning("%s", notice)

    def finish(self) -> None:
        """Write what was begun, to these streams and to those that they took the place of."""
        for stream in (self.stdout, self.stderr, *self._before):
            with suppress(BaseException):
                stream.flush()
            with suppress(BaseException):
                stream.finish()  # type: ignore[union-attr]


def _report(
    line: Line, execution: Execution, outcome: Outcome, policy: RetryPolicy, reporter: Reporter
) -> None:
    """Tell the host the outcome; what follows it there is bounded in time, and cannot change it."""
    has_more = bool(execution.callbacks()) or reporter.is_on
    line.send(ReportOutcome(measured(outcome), policy, has_more))
    if has_more:
        reporter.capture(execution)
        execution.call_back()
        reporter.flush()
        line.send(CallbacksDone())


def measured(outcome: Outcome) -> Outcome:
    """Add what this process and its children used, in kB and microseconds of CPU time."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return outcome._replace(
        max_rss_kb=max(own.ru_maxrss, children.ru_maxrss), cpu_us=round(cpu_s * 1e6)
    )
