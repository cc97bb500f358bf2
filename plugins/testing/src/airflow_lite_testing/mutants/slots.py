"""Wrong in the order of its queue, and in how many attempts it runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_lite_testing.mutants.base import Mutant

if TYPE_CHECKING:
    from airflow_lite.api.executor.base import QueuedTaskInstanceType
    from airflow_lite.keys import TaskInstanceKey

    Queue = list[tuple[TaskInstanceKey, QueuedTaskInstanceType]]


class LowestFirst(Mutant):
    """Starts the lowest priority first."""

    caught_by = "basic.order.priority-first"

    def order_queued_tasks_by_priority(self) -> Queue:
        """Return the queue, lowest priority first."""
        return sorted(self.queued_tasks.items(), key=lambda item: item[1][1])


class LastComeFirst(Mutant):
    """Starts what was queued last first."""

    caught_by = "basic.order.first-come-first-served"

    def order_queued_tasks_by_priority(self) -> Queue:
        """Return the queue, highest priority first, last come first within one."""
        items = reversed(self.queued_tasks.items())
        return sorted(items, key=lambda item: item[1][1], reverse=True)


class OneTooMany(Mutant):
    """Starts one attempt more than it may."""

    caught_by = "basic.slots.parallelism-respected"

    def trigger_tasks(self, open_slots: int) -> None:
        """Trigger one more."""
        super().trigger_tasks(open_slots + 1)


class FourAtMost(Mutant):
    """Never has more than four attempts in flight."""

    caught_by = "basic.slots.eight-in-flight"

    def trigger_tasks(self, open_slots: int) -> None:
        """Trigger up to four."""
        super().trigger_tasks(min(open_slots, 4 - len(self.running)))


class ZeroIsNone(Mutant):
    """Takes a parallelism of 0 for no attempts at all."""

    caught_by = "basic.slots.zero-is-no-limit"

    def trigger_tasks(self, open_slots: int) -> None:
        """Trigger nothing where parallelism is 0."""
        super().trigger_tasks(open_slots if self.parallelism else 0)


class ForgetsTheQueue(Mutant):
    """Counts only what runs as taken."""

    caught_by = "basic.slots.counted"

    @property
    def slots_available(self) -> int:
        """Return parallelism less what runs."""
        return self.parallelism - len(self.running) if self.parallelism else sys.maxsize
