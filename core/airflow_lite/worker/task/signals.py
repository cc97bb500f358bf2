"""What ends a task's code from outside: its time limit, and SIGTERM."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

from airflow_lite.errors import AirflowTaskTerminated, AirflowTaskTimeout
from airflow_lite.task_logger import task_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

    from airflow_lite.worker.task.execution import Execution

logger = task_logger()

_TAKEN = (signal.SIGTERM, signal.SIGALRM)
#: A timer of 0 would be none: the shortest that is one, in seconds.
_AT_ONCE_S = 1e-6


class TimeLimit:
    """The time that code may take, in seconds from `began_at` of the monotonic clock.

    `start` has a handler of SIGALRM called, on the main thread, once it is over.
    """

    def __init__(self, limit_s: float | None, began_at: float) -> None:
        self._limit_s = limit_s
        self._deadline = None if limit_s is None else began_at + limit_s

    @property
    def is_over(self) -> bool:
        """Whether the code has no time left."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def start(self, overran: Callable[[int, FrameType | None], None]) -> None:
        """Have `overran` called at the deadline; without a limit SIGALRM is left alone."""
        if self._deadline is not None:
            signal.signal(signal.SIGALRM, overran)
            left_s = self._deadline - time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, max(left_s, _AT_ONCE_S))

    def stop(self) -> None:
        """Have nothing called any more; the handler stays."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def error(self) -> AirflowTaskTimeout:
        """Return what the code is ended with."""
        return AirflowTaskTimeout(
            f"The task ran longer than its execution_timeout of {self._limit_s:g} s."
        )


class Interrupts:
    """Within it, an alarm at the deadline and SIGTERM end the code, once.

    The time limit, in seconds, counts from `began_at`, on the monotonic clock. The alarm is the
    child's own, so that a task's handler of SIGTERM does not stop it; a task that takes SIGALRM
    for itself is told by the host's SIGTERM instead. A process that the task forks takes both as
    any program does. Main thread only, and once in a process.
    """

    def __init__(self, execution: Execution, timeout_s: float | None, began_at: float) -> None:
        self._execution = execution
        self._limit = TimeLimit(timeout_s, began_at)
        self._masks = threading.local()
        self._is_spent = False  # it has interrupted, or its time is over

    def __enter__(self) -> None:
        """Take the signals."""
        os.register_at_fork(
            before=self._hold, after_in_parent=self._let_go, after_in_child=self._give_up
        )
        signal.signal(signal.SIGTERM, self._terminate)
        self._limit.start(self._overran)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let them do nothing from now on: what follows has time limits of its own."""
        self._is_spent = True
        for number in _TAKEN:  # handlers of the task's own end with it
            signal.signal(number, self._terminate)
        self._limit.stop()

    def _hold(self) -> None:
        """Let signals wait for who is forked: Python forgets those that come before its time."""
        self._masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _TAKEN)

    def _let_go(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.before)

    def _give_up(self) -> None:
        for number in _TAKEN:
            if getattr(signal.getsignal(number), "__self__", None) is self:
                signal.signal(number, signal.SIG_DFL)
        self._let_go()

    def _overran(self, _number: int, _frame: FrameType | None) -> None:
        if not self._is_spent:
            logger.error("The task has reached its time limit. Terminating subprocesses.")
            self._end()

    def _terminate(self, _number: int, _frame: FrameType | None) -> None:
        if not self._is_spent:
            logger.error("Received SIGTERM. Terminating subprocesses.")
            self._end()

    def _end(self) -> None:
        self._is_spent = True
        self._execution.kill()
        if self._limit.is_over:
            raise self._limit.error()
        raise AirflowTaskTerminated("Task received SIGTERM signal")
