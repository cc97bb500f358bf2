"""How the loop is told to stop, and what signals mean: once to drain, twice to terminate."""

from __future__ import annotations

import atexit
import logging
import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.scheduler.state.context import SchedulerContext

logger = logging.getLogger(__name__)

#: How often, in seconds, it is looked whether the executor has ended.
POLL_S = 0.1
_STOPS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class Stopping:
    """Counts requests to stop and drives the end that they ask for."""

    requests: int = 0
    is_signalled: bool = False
    wants_dump: bool = False
    deadline: float | None = None
    is_over: bool = False
    terminated: bool = False
    notice: str | None = None  # told by the signal itself, where a task may keep the loop busy
    signal: int | None = None  # the first that came
    revokes: bool = False  # what runs is stopped at once, without the grace
    ends: str = "the scheduler"  # what it is that a second signal ends
    _before: dict[int, Any] = field(default_factory=dict)

    @property
    def is_asked(self) -> bool:
        """Whether nothing new may begin."""
        return self.requests > 0

    def ask(self) -> None:
        """Ask to stop; a second time: without waiting for what runs."""
        self.requests += 1

    def listen(self, *, interrupts: bool = True) -> None:
        """Take SIGTERM, SIGINT and SIGUSR2. Main thread only.

        Without, both interrupt the code of a task, which is on this very thread, as any other.
        """
        take = self._take_signal if interrupts else self._interrupt
        for number in _STOPS:
            self._handle(number, take)
        self._handle(signal.SIGUSR2, lambda *_: self._ask_dump())
        # Only so that the end of a child wakes the selector.
        self._handle(signal.SIGCHLD, lambda *_: None)

    def _handle(self, number: int, handler: Callable[[int, Any], None]) -> None:
        self._before.setdefault(number, signal.signal(number, handler))

    def _interrupt(self, number: int, _frame: object) -> None:
        self.signal = self.signal or number
        self.ask()
        raise KeyboardInterrupt

    def _take_signal(self, number: int, _frame: object) -> None:
        self.signal = self.signal or number
        if self.notice is not None and not self.is_signalled:
            logger.info("%s", self.notice)
        self.is_signalled = True
        self.ask()

    def _ask_dump(self) -> None:
        self.wants_dump = True

    def deafen(self) -> None:
        """Let no signal disturb what is done at last, if we take them at all."""
        for number in _STOPS:
            if number in self._before:
                signal.signal(number, signal.SIG_IGN)

    def leave(self, exit_code: int) -> None:
        """Let a signal end this process at once, and as it ends anyway: all is recorded."""
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        for number in _STOPS:
            signal.signal(number, lambda *_: os._exit(exit_code))
        atexit.register(self.deafen)  # the interpreter gives handlers up before its very end

    def unlisten(self) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def drive(self, context: SchedulerContext) -> None:
        """Take the next step towards the end; `is_over` when there is none left."""
        if not self.is_asked or self.is_over:
            return
        if self.requests > 1:
            self._terminate(context)
        elif self.deadline is None:
            self._begin(context)
        elif context.runner.ended and not context.callbacks:
            self.is_over = True
        elif context.clock.monotonic() >= self.deadline:
            logger.warning(
                "the executor or a callback did not end within shutdown_grace_s; it is terminated"
            )
            self._terminate(context)

    def _begin(self, context: SchedulerContext) -> None:
        context.is_stopping = True
        context.timers.after("beat", 0.0)  # others may have its DAGs
        grace_s = context.settings.shutdown_grace_s
        what = "are stopped" if self.revokes else f"get {grace_s:g} s"
        notice = f"stopping: running tasks {what}; a second signal ends {self.ends} at once"
        if self.notice is None or not self.is_signalled:
            logger.info("%s", notice)
        if self.is_signalled:
            context.tell(notice)
        if self.is_signalled and self.revokes:
            for active in list(context.memory.live_attempts()):
                context.revoke(active)
        # Its own wait is as long: it is late only if it overruns.
        self.deadline = context.clock.monotonic() + grace_s + 1.0
        self.is_over = context.runner.end(0.0) and not context.callbacks

    def _terminate(self, context: SchedulerContext) -> None:
        if not self.terminated:
            self.terminated = True
            logger.warning("terminating: nothing that runs is waited for")
            context.runner.terminate()
        self.is_over = True


def dump(context: SchedulerContext) -> None:
    """Log what the loop has in memory, and the executor's part."""
    memory = context.memory
    logger.info(
        "scheduler job %d: %d DAGs, %d running and %d queued runs, %d active attempts,"
        " %d callbacks",
        context.job_id,
        len(memory.dags),
        len(memory.running),
        len(memory.queued),
        len(memory.attempts),
        len(context.callbacks),
    )
    for active in memory.attempts:
        logger.info(
            "%s.%s of %s: %s, attempt %s%s",
            active.run.dag_id,
            active.instance.task_id,
            active.run.run_id,
            active.instance.state,
            active.token,
            ", not in our executor" if active.is_unmanaged else "",
        )
    for run_id, skipped in memory.skipped.items():
        logger.info("run %d of DAG %r is left out: %s", run_id, skipped.dag_id, skipped.reason)
    load = context.runner.load
    logger.info(
        "%s has %d open slots, %d queued and %d running tasks", context.executor_name, *load
    )
    context.runner.debug_dump()
