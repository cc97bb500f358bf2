"""Threads that do what takes a request: a few at once, each again after a delay of its own."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    #: Does something; returns after how many seconds to do it again, or None.
    Action = Callable[[], float | None]

logger = logging.getLogger(__name__)

#: Seconds until an action is done again that raised what it should not.
_AFTER_A_BUG_S = 10.0


class RequestPool:
    """Does actions on a few threads, those that are due first come first."""

    def __init__(self, threads: int) -> None:
        self._due: list[tuple[float, int, Action]] = []
        self._numbers = itertools.count()
        self._bell = threading.Condition()
        self._busy = 0
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"kubernetes-request-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def submit(self, action: Action, after_s: float = 0.0) -> None:
        """Have something done soon, or after some seconds; not at all once this is closed."""
        with self._bell:
            entry = (time.monotonic() + after_s, next(self._numbers), action)
            heapq.heappush(self._due, entry)
            self._bell.notify()

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing is due; False if that takes longer."""
        with self._bell:
            return self._bell.wait_for(self._is_idle, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Do nothing more; wait for what is being done, but no longer than that."""
        with self._bell:
            self._is_closed = True
            self._due.clear()
            self._bell.notify_all()
        end = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(max(end - time.monotonic(), 0.0))

    def _is_idle(self) -> bool:
        return not self._busy and (not self._due or self._due[0][0] > time.monotonic())

    def _run(self) -> None:
        while (action := self._take()) is not None:
            after_s = self._do(action)
            with self._bell:
                self._busy -= 1
                self._bell.notify_all()
            if after_s is not None:
                self.submit(action, after_s)

    @staticmethod
    def _do(action: Action) -> float | None:
        try:
            return action()
        except Exception:  # one bad pod never stops the others
            logger.exception("a request about a pod failed, and will be tried again")
            return _AFTER_A_BUG_S

    def _take(self) -> Action | None:
        with self._bell:
            while not self._is_closed:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    self._busy += 1
                    return heapq.heappop(self._due)[2]
                self._bell.wait(wait_s)
        return None
