"""What an executor was seen to do, and what it was waited for in vain, over the cases of one run.

What never came once, when a case waited its whole time for it, will not come for the next: that
case has failed, and those that need the same are not judged.
"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from airflow_lite_testing.case import NotJudged

if TYPE_CHECKING:
    from collections.abc import Iterator

START = "an attempt to start"
END = "the end of an attempt to be reported"
#: What swallowed the end of its time, as a task's code may, is told again after so many seconds.
_AGAIN_S = 5.0


def returning(method: str) -> str:
    """Return how it is called that a method of the executor comes back in time."""
    return f"{method} to return"


class Experience:
    """Kept for all cases of a class; `within_s` is the time that they may take together."""

    def __init__(self, within_s: float | None = None) -> None:
        self.case = ""
        self._within_s = within_s
        self._began = time.monotonic()
        self._seen: set[str] = set()
        self._in_vain: dict[str, str] = {}

    @property
    def left_s(self) -> float:
        """The seconds that are left for all cases."""
        if self._within_s is None:
            return float("inf")
        return self._within_s - (time.monotonic() - self._began)

    def need_time(self) -> None:
        """Raise `NotJudged` if the time for all cases is over."""
        if self.left_s <= 0:
            raise NotJudged(f"the {self._within_s:g} s for all cases were over")

    def need(self, what: str) -> None:
        """Raise `NotJudged` if an earlier case waited for this in vain, and none ever saw it."""
        if what not in self._seen and self._in_vain.get(what, self.case) != self.case:
            raise NotJudged(f"{self._in_vain[what]} waited in vain for {what}")

    def saw(self, what: str) -> None:
        """Note that it came."""
        self._seen.add(what)

    def missed(self, what: str) -> None:
        """Note that this case waited for it in vain; nothing, where it is of no kind."""
        if what:
            self._in_vain.setdefault(what, self.case)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise `AssertionError` in the block once it has taken so long.

    Only on the main thread, and where nobody else, as pytest-timeout, uses the same timer.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def overrun(*_: object) -> NoReturn:
        raise AssertionError(f"it took longer than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, overrun)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
