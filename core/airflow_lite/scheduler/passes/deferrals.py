"""Tasks that wait without a process: what they wait for is run, and its ends are written.

The process of triggers is there while something of this scheduler's DAGs is deferred, unless a
user runs a triggerer. The rows say what is to be run: whichever dies, it is run again, and that an
instance goes on is written only while it is deferred under its token.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from airflow_lite.scheduler.passes.executor_reports import reread_instances
from airflow_lite.store import deferrals
from airflow_lite.triggerer.answering import answers
from airflow_lite.triggerer.process import TriggerProcess
from airflow_lite.triggerer.standalone import live_triggerers
from airflow_lite.triggerer.writing import start_orders, write_reports

if TYPE_CHECKING:
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.triggerer.messages import RunnerReport

logger = logging.getLogger(__name__)


class Deferrals:
    """The triggers of one scheduler; `step` is a part of each pass."""

    def __init__(self, context: SchedulerContext) -> None:
        self._context = context
        answer = partial(answers, context.store, context.config)
        self._process = TriggerProcess(context.config, context.clock, context.waker, answer)
        self._unwritten: list[RunnerReport] = []  # of a pass that failed
        self._others_run_them = False
        self._looks_at = 0.0

    def step(self) -> None:
        """Write what triggers told, start those that are new, stop those nobody waits for."""
        self._unwritten += self._process.poll()
        if self._unwritten:
            self._write()
        waiting = self._context.memory.deferred()
        if waiting:
            self._look_for_others([row for row, _ in waiting])
        wanted = set() if self._others_run_them else waiting.keys()
        running = self._process.keys
        self._process.stop(running - wanted)
        if new := wanted - running:
            with self._context.store.read() as connection:
                rows = deferrals.waiting(connection, [row for row, _ in new])
            self._process.start(start_orders(rows))

    def _write(self) -> None:
        context = self._context
        write_reports(context.store, self._unwritten, context.actor, context.clock.now_us())
        rows = [report.row for report in self._unwritten]
        self._unwritten.clear()
        reread_instances(context, rows)

    def _look_for_others(self, rows: list[int]) -> None:
        """See now and then whether a user's triggerer runs them, and what it has written."""
        now = self._context.clock.monotonic()
        if now < self._looks_at:
            return
        self._looks_at = now + self._context.settings.fallback_poll_s
        with self._context.store.read() as connection:
            do_others = bool(live_triggerers(connection, self._context.config))
        if do_others != self._others_run_them:
            self._others_run_them = do_others
            who = "a triggerer of a user's runs" if do_others else "this scheduler runs"
            logger.info("%s the triggers of deferred tasks", who)
        if do_others:
            reread_instances(self._context, rows)

    def wait_s(self) -> float | None:
        """Return the seconds until there is something to do; None if nothing has to be done."""
        return self._process.wait_s()

    def close(self) -> None:
        """End the process; the next scheduler runs what it ran."""
        self._process.close()
