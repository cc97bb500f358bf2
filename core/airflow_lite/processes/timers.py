"""What is due later, by a monotonic clock."""

from __future__ import annotations

import heapq
import time
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
    """Calls that are made once they are due, and names that can be asked whether they are.

    Of each name there is at most one. Moments are of the clock `monotonic`, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now = monotonic
        self._calls: list[Timer] = []
        self._count = 0
        self._names: dict[str, float] = {}

    def at(self, moment: float, act: Callable[[], None]) -> Timer:
        """Let `act` be called once `moment` has come."""
        self._count += 1
        timer = Timer(moment, self._count, act)
        heapq.heappush(self._calls, timer)
        return timer

    def run_due(self, now: float) -> None:
        """Make the calls that are due."""
        while (call := self._next_call()) is not None and call.at <= now:
            heapq.heappop(self._calls).act()

    def after(self, name: str, seconds: float) -> None:
        """Let `name` be due in `seconds`, in place of what was set for it before."""
        self._names[name] = self._now() + seconds

    def set_if_none(self, name: str, seconds: float) -> None:
        """Let `name` be due in `seconds`, unless a moment is set for it."""
        if name not in self._names:
            self.after(name, seconds)

    def take(self, name: str) -> bool:
        """Return whether `name` is due, and if so, take its moment out."""
        due = self._names.get(name)
        if due is None or due > self._now():
            return False
        del self._names[name]
        return True

    def next_at(self) -> float | None:
        """Return when the next call or name is due; None if there is none."""
        call = self._next_call()
        moments = [*self._names.values(), *([] if call is None else [call.at])]
        return min(moments, default=None)

    def wait_s(self, most_s: float) -> float:
        """Return the seconds until the next moment, at least 0 and at most `most_s`."""
        due = self.next_at()
        return most_s if due is None else min(max(due - self._now(), 0.0), most_s)

    def _next_call(self) -> Timer | None:
        while self._calls and self._calls[0].is_cancelled:
            heapq.heappop(self._calls)
        return self._calls[0] if self._calls else None
