"""The thread that an executor lives on."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections import Counter, deque
from typing import TYPE_CHECKING

from airflow_lite.api.executor.events import Report
from airflow_lite.clock import Clock, SystemClock
from airflow_lite.executors.driving.driver import TERMINATE_S, Driver, Load, QueueItem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.api.executor.task_instance import TaskInstance


logger = logging.getLogger(__name__)


class ExecutorThread:
    """Runs every method of one executor on one thread; its caller never waits for it.

    `wake` is called, on the executor's thread, when there is something to `drain`. A call that
    takes longer than `budget_s` makes `stalled` true until it returns. While something is queued
    or runs there is a heartbeat every `heartbeat_s`, and one for each thing handed in or news
    from another thread; otherwise none.

    The methods are for one thread, the scheduler's.
    """

    def __init__(
        self,
        executor: BaseExecutor,
        *,
        wake: Callable[[], None],
        budget_s: float,
        heartbeat_s: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        self.executor = executor
        self._wake = wake
        self._budget_s = budget_s
        self._heartbeat_s = heartbeat_s
        self._clock = clock or SystemClock()
        self._driver = Driver(executor, wake, catches=(BaseException,))
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._inbox: deque[Callable[[], object]] = deque()
        self._handed_in: Counter[str | None] = Counter()  # on their way, by executor
        self._half_slots: dict[str, int] = {}
        self._slots = self._driver.slots_available()
        self._busy_since: float | None = None
        self._ending = False
        #: Set once the executor's `start` has returned or failed.
        self.has_begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"executor-{executor}", daemon=True)

    def start(self) -> None:
        """Start the thread, and the executor on it. If that fails: one `Failure("start", …)`."""
        self._thread.start()

    def queue(self, items: Sequence[QueueItem]) -> None:
        """Hand attempts to the executor."""
        batch = list(items)
        with self._lock:
            self._handed_in.update(item.task_instance.executor for item in batch)

        def queue() -> None:
            self._driver.queue(batch)
            with self._lock:
                self._handed_in.subtract(item.task_instance.executor for item in batch)
                self._slots = self._driver.slots_available()
                self._half_slots = self._driver.half_slots()

        self._hand_in(queue)

    def adopt(self, instances: Sequence[TaskInstance]) -> None:
        """Offer a dead scheduler's attempts; the answer is an `Adopted`."""
        batch = list(instances)
        self._hand_in(lambda: self._driver.adopt(batch))

    def revoke(self, instance: TaskInstance) -> None:
        """Take an attempt back; the answer is a `Revoked`."""
        self._hand_in(lambda: self._driver.revoke(instance))

    def poke(self) -> None:
        """Ask for a heartbeat."""
        self._bell.set()

    def _hand_in(self, act: Callable[[], object]) -> None:
        self._inbox.append(act)
        self._bell.set()

    def drain(self) -> list[Report]:
        """Take every report since the last time, in order."""
        return self._driver.drain()

    @property
    def slots_available(self) -> int:
        """How many attempts more the executor can take, with those on their way to it counted."""
        with self._lock:
            return _less(self._slots, self._handed_in.total())

    @property
    def half_slots(self) -> dict[str, int]:
        """How many attempts more each half of a hybrid can take; {} for all others."""
        with self._lock:
            return {
                name: _less(slots, self._handed_in[name])
                for name, slots in self._half_slots.items()
            }

    @property
    def load(self) -> Load:
        """How much the executor has to do, as its gauges told last."""
        return self._driver.gauges.latest()

    @property
    def has_started(self) -> bool:
        """Whether the executor's `start` went well."""
        return self._driver.started

    @property
    def stalled(self) -> bool:
        """Whether a call of the executor has been going on for longer than its budget."""
        since = self._busy_since
        return since is not None and self._clock.monotonic() - since > self._budget_s

    @property
    def ended(self) -> bool:
        """Whether the thread is over, or never began."""
        return not self._thread.is_alive()

    def end(self, grace_s: float) -> bool:
        """End the executor and its thread; return False if that took longer than `grace_s`.

        May be called again, to wait longer.
        """
        self._ending = True
        self._bell.set()
        if self._thread.ident is not None:
            self._thread.join(grace_s)
        return self.ended

    def terminate(self, timeout_s: float = TERMINATE_S) -> bool:
        """Make the executor stop without waiting; return False if even that took too long.

        On the executor's own thread if that is free, else beside it.
        """
        return self.begin_terminating().wait(timeout_s)

    def begin_terminating(self) -> threading.Event:
        """Make the executor stop, as `terminate` does; return what is set once it has."""
        done = threading.Event()

        def terminate() -> None:
            self._driver.call("terminate", self.executor.terminate)
            done.set()

        if self._thread.is_alive() and self._busy_since is None and not self._ending:
            self._hand_in(terminate)
        else:
            threading.Thread(target=terminate, name="executor-terminate", daemon=True).start()
        return done

    def debug_dump(self) -> None:
        """Log the executor's state, or, if it is stalled, what its thread is doing."""
        if not self.stalled:
            self._hand_in(lambda: self._driver.call("debug_dump", self.executor.debug_dump))
            return
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001
        stack = "".join(traceback.format_stack(frame)) if frame else "(no thread)"
        logger.warning("%s is stalled in\n%s", self.executor, stack)

    def _run(self) -> None:
        self.executor.bind(self._bell.set)
        self._step(self._driver.start)
        self.has_begun.set()
        while not self._ending:
            self._bell.wait(self._pause_s())
            self._step(self._work)
        self._step(self._finish)

    def _pause_s(self) -> float | None:
        """Return how long to wait where nothing comes; None: for ever."""
        return self._heartbeat_s if self._driver.is_busy() else None

    def _work(self) -> None:
        self._bell.clear()
        while self._inbox:
            self._inbox.popleft()()
        if not self._ending:
            self._driver.beat()

    def _finish(self) -> None:
        while self._inbox:
            self._inbox.popleft()()
        self._driver.end()

    def _step(self, act: Callable[[], None]) -> None:
        self._busy_since = self._clock.monotonic()
        self._driver.call("its thread", act)
        slots, halves = self._driver.slots_available(), self._driver.half_slots()
        with self._lock:
            before = self._half_slots
            has_grown = slots > self._slots or any(
                halves[name] > before.get(name, 0) for name in halves
            )
            self._slots, self._half_slots = slots, halves
        self._busy_since = None
        if self._driver.reports or has_grown:  # where the engine grows, nothing else tells it
            self._driver.call("wake", self._wake)


def _less(slots: int, taken: int) -> int:
    return slots if slots == sys.maxsize else slots - taken
