"""The events of a worker's latest attempts, for an executor's `get_task_log`."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

#: So many attempts are remembered.
MOST = 2000


class AttemptLines:
    """Lines about a worker's latest attempts, each with its moment; the oldest are forgotten.

    May be used by several threads: one that runs attempts, say, and one that answers schedulers.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[str, list[tuple[float, str]]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, token: str, event: str) -> None:
        """Add an event of an attempt, with the time."""
        with self._lock:
            self._lines.setdefault(token, []).append((time.time(), event))
            self._lines.move_to_end(token)
            if len(self._lines) > MOST:
                self._lines.popitem(last=False)

    def lines_of(self, token: str) -> list[str]:
        """Return the lines of an attempt, oldest first: the moment in UTC, then the event."""
        with self._lock:
            events = list(self._lines.get(token, ()))
        return [f"{_stamp(moment_s)} {event}" for moment_s, event in events]


def _stamp(moment_s: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="milliseconds")
