"""The events of a Celery worker's latest attempts, for `get_task_log`."""

from __future__ import annotations

import time
from collections import OrderedDict

#: So many attempts are remembered.
MOST = 2000


class Memory:
    """The lines of the latest attempts, each with its moment."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, list[tuple[float, str]]] = OrderedDict()

    def note(self, token: str, event: str) -> None:
        """Add an event of an attempt, with the time."""
        self._lines.setdefault(token, []).append((time.time(), event))
        self._lines.move_to_end(token)
        while len(self._lines) > MOST:
            self._lines.popitem(last=False)

    def lines_of(self, token: str) -> list[str]:
        """Return the lines of an attempt."""
        return [f"{_stamp(moment)} {event}" for moment, event in self._lines.get(token, ())]


def _stamp(moment_s: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="milliseconds")
