"""Failed sign-ins are counted by address, and an address that fails too often waits."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: So many failures of one address, or of all together, within so many seconds.
MOST_FAILURES, MOST_FAILURES_OF_ALL, WINDOW_S = 5, 100, 60.0
#: Addresses that are kept in mind; the one that failed longest ago goes first.
_MOST_ADDRESSES = 10_000
_ALL = ""


class Limiter:
    """Counts failures in windows of a minute; `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return the seconds for which this address is not answered; 0 where it is."""
        return max(self._left_s(address, MOST_FAILURES), self._left_s(_ALL, MOST_FAILURES_OF_ALL))

    @property
    def is_counting(self) -> bool:
        """Whether a failure is remembered that may still make an address wait."""
        now = self._monotonic()
        return any(now < begin + WINDOW_S for begin, _ in self._windows.values())

    def fail(self, address: str) -> None:
        """Count a failure."""
        for name in (address, _ALL):
            begin, count = self._window(name)
            self._windows[name] = (begin, count + 1)
            self._windows.move_to_end(name)
        while len(self._windows) > _MOST_ADDRESSES:
            self._windows.popitem(last=False)

    def _left_s(self, name: str, most: int) -> float:
        begin, count = self._window(name)
        return max(begin + WINDOW_S - self._monotonic(), 0.0) if count >= most else 0.0

    def _window(self, name: str) -> tuple[float, int]:
        now = self._monotonic()
        begin, count = self._windows.get(name, (now, 0))
        return (begin, count) if now < begin + WINDOW_S else (now, 0)
