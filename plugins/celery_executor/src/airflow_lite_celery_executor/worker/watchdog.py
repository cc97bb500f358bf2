"""Notices that the broker gives a worker nothing, though messages wait and it has room."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite_celery_executor.messages import Beat

#: So many looks in a row must find the same.
LOOKS = 4


class Stall(NamedTuple):
    """A queue whose messages do not come, how many wait, and how often that was found."""

    queue: str
    waiting: int
    number: int

    def __str__(self) -> str:
        return f"{self.waiting} wait in queue {self.queue!r}, there is room, and none comes"


class Watchdog:
    """Looks at what a worker takes; used on one thread."""

    def __init__(self) -> None:
        self._received = -1
        self._looks = 0
        self._stalls = 0

    def look(self, beat: Beat, received: int, depth: Callable[[str], int]) -> Stall | None:
        """Return the stall, once it has lasted for some looks.

        `received` is how many messages have ever come; `depth` tells how many wait in a queue.
        """
        if received != self._received:
            self._received, self._looks, self._stalls = received, 0, 0
            return None
        stalled = self._stalled(beat, depth)
        self._looks = self._looks + 1 if stalled else 0
        if stalled is None or self._looks < LOOKS:
            return None
        self._looks = 0
        self._stalls += 1
        return Stall(*stalled, self._stalls)

    def _stalled(self, beat: Beat, depth: Callable[[str], int]) -> tuple[str, int] | None:
        if beat.fault is not None or len(beat.present) >= beat.slots:
            return None
        depths = ((queue, depth(queue)) for queue in beat.queues)
        return next((each for each in depths if each[1] > 0), None)
