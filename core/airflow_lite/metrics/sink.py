"""What takes figures, and several of those as one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

logger = logging.getLogger(__name__)

Tags = Mapping[str, str]


class Sink(Protocol):
    """Where figures go. Called from the loop's thread and the executor's; nothing may block."""

    def count(self, name: str, tags: Tags) -> None:
        """Count one more of `name`."""

    def gauge(self, name: str, value: float, tags: Tags) -> None:
        """Take the value that `name` has now."""

    def timing(self, name: str, seconds: float, tags: Tags) -> None:
        """Take how long something took."""

    def flush(self) -> None:
        """Pass on what was taken, where that is not done by itself: every few seconds."""

    def close(self) -> None:
        """Pass on what was taken, and end; within seconds."""


class Sinks:
    """Several sinks as one. What one raises is logged once, and harms nobody else."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks
        self._complaints: set[tuple[int, str]] = set()

    def count(self, name: str, tags: Tags) -> None:
        """Count one more of `name`."""
        self._each(lambda sink: sink.count(name, tags))

    def gauge(self, name: str, value: float, tags: Tags) -> None:
        """Take the value that `name` has now."""
        self._each(lambda sink: sink.gauge(name, value, tags))

    def timing(self, name: str, seconds: float, tags: Tags) -> None:
        """Take how long something took."""
        self._each(lambda sink: sink.timing(name, seconds, tags))

    def flush(self) -> None:
        """Pass on what was taken."""
        self._each(lambda sink: sink.flush())

    def close(self) -> None:
        """Pass on what was taken, and end."""
        self._each(lambda sink: sink.close())

    def _each(self, tell: Callable[[Sink], None]) -> None:
        for number, sink in enumerate(self._sinks):
            try:
                tell(sink)
            except Exception as error:
                complaint = (number, f"{type(error).__name__}: {error}")
                if complaint not in self._complaints and len(self._complaints) < _MOST_COMPLAINTS:
                    self._complaints.add(complaint)
                    logger.warning("metrics: %s: %s", type(sink).__name__, complaint[1])


#: So many different complaints are logged in all: a name that is new each time fills no disk.
_MOST_COMPLAINTS = 20
