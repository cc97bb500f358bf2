"""The thread of one half of a hybrid: what a lone executor's is, and one that starts again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_lite.executors.driving.thread import ExecutorThread
from airflow_lite.processes.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.api.executor.base import BaseExecutor

logger = logging.getLogger(__name__)

#: Seconds until a half that did not start is tried again, the first time and at most.
FIRST_S, LONGEST_S = 1.0, 60.0


class HalfThread(ExecutorThread):
    """Runs one half; where its `start` failed another is made and started, again and again.

    `make` returns an executor that is configured. Until one starts, whatever is handed in comes
    back.
    """

    def __init__(
        self, executor: BaseExecutor, make: Callable[[], BaseExecutor], **options: Any
    ) -> None:
        super().__init__(executor, **options)
        self._make = make
        self._backoff = Backoff(FIRST_S, LONGEST_S)

    @property
    def slots_available(self) -> int:
        """How many attempts more this half can take; 0 while it does not answer."""
        return super().slots_available if self.has_started and not self.stalled else 0

    def _pause_s(self) -> float | None:
        if self.has_started:
            return super()._pause_s()
        now = self._clock.monotonic()
        if not self._backoff.failures:
            self._backoff.fail(now)
            self._tell_that_it_waits()
        return self._backoff.left_s(now)

    def _work(self) -> None:
        now = self._clock.monotonic()
        if not self.has_started and not self._ending and self._backoff.left_s(now) <= 0:
            self._start_again()
        super()._work()

    def _start_again(self) -> None:
        self._driver.call("terminate", self.executor.terminate)
        self.executor = self._make()
        self.executor.bind(self._bell.set)
        self._driver.take(self.executor)
        self._driver.start()
        if self.has_started:
            logger.warning("%s has started now", self.executor.name)
            self._wake()
        else:
            self._backoff.fail(self._clock.monotonic())
            self._tell_that_it_waits()

    def _tell_that_it_waits(self) -> None:
        logger.warning(
            "%s did not start. Its tasks wait, those of the other half do not; it is tried "
            "again in %g s",
            self.executor.name,
            self._backoff.delay_s,
        )
