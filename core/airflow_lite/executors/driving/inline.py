"""An executor that runs its attempts on the scheduler's own thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.api.executor.events import Report
from airflow_lite.errors import AirflowTaskTimeout
from airflow_lite.executors.driving.driver import TERMINATE_S, Driver, Load, QueueItem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.api.executor.task_instance import TaskInstance


class InlineExecutor:
    """The interface of `ExecutorThread` for an executor that runs on its caller's thread.

    `poke` runs a heartbeat, and with it perhaps a task; `wake` is called when another is due.
    """

    def __init__(self, executor: BaseExecutor, *, wake: Callable[[], None]) -> None:
        self.executor = executor
        self._wake = wake
        self._driver = Driver(executor, wake, catches=(Exception, AirflowTaskTimeout))

    def start(self) -> None:
        """Start the executor. If that fails: one `Failure("start", …)`."""
        self.executor.bind(self._wake)
        self._driver.start()

    def queue(self, items: Sequence[QueueItem]) -> None:
        """Hand attempts to the executor, and ask for a `poke`."""
        self._driver.queue(items)
        self._wake()

    def adopt(self, instances: Sequence[TaskInstance]) -> None:
        """Offer a dead scheduler's attempts; the answer is an `Adopted`."""
        self._driver.adopt(instances)

    def revoke(self, instance: TaskInstance) -> None:
        """Take an attempt back; the answer is a `Revoked`."""
        self._driver.revoke(instance)

    def poke(self) -> None:
        """Run one heartbeat, and with it perhaps a task."""
        self._driver.beat()
        if self._driver.reports or self._driver.is_busy():
            self._wake()

    def drain(self) -> list[Report]:
        """Take every report since the last time, in order."""
        self._driver.collect()
        return self._driver.drain()

    @property
    def slots_available(self) -> int:
        """How many attempts more the executor can take."""
        return self._driver.slots_available()

    @property
    def half_slots(self) -> dict[str, int]:
        """How many attempts more each half can take; an executor like this has none."""
        return self._driver.half_slots()

    @property
    def load(self) -> Load:
        """How much the executor has to do, as its gauges told last."""
        return self._driver.gauges.latest()

    @property
    def stalled(self) -> bool:
        """Never: its caller waits for it."""
        return False

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to wait for: always."""
        return True

    def end(self, grace_s: float) -> bool:
        """End the executor; return True. `grace_s` cannot bound what runs on this very thread."""
        self._driver.end()
        return True

    def terminate(self, timeout_s: float = TERMINATE_S) -> bool:
        """Make the executor stop; return True."""
        self._driver.call("terminate", self.executor.terminate)
        return True

    def debug_dump(self) -> None:
        """Log the executor's state."""
        self._driver.call("debug_dump", self.executor.debug_dump)
