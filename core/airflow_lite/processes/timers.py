"""What is to be done later, by a monotonic clock."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(order=True)
class Timer:
    """One thing to do at `at`, in seconds of the monotonic clock, unless cancelled."""

    at: float
    number: int
    act: Callable[[], None] = field(compare=False)
    is_cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Do it never."""
        self.is_cancelled = True


class Timers:
    """Timers in order."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._count = 0

    def at(self, moment: float, act: Callable[[], None]) -> Timer:
        """Let `act` be called once `moment` has come."""
        self._count += 1
        timer = Timer(moment, self._count, act)
        heapq.heappush(self._heap, timer)
        return timer

    def next_at(self) -> float | None:
        """Return when the next one is due; None if there is none."""
        while self._heap and self._heap[0].is_cancelled:
            heapq.heappop(self._heap)
        return self._heap[0].at if self._heap else None

    def run_due(self, now: float) -> None:
        """Do what is due."""
        while (due := self.next_at()) is not None and due <= now:
            heapq.heappop(self._heap).act()
