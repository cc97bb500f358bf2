"""Where an executor's gauges go: any object with `gauge`.

The scheduler sets one that keeps them for whoever asks, and passes them on to the author's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

OPEN_SLOTS = "executor.open_slots"
QUEUED_TASKS = "executor.queued_tasks"
RUNNING_TASKS = "executor.running_tasks"


class MetricSink(Protocol):
    """What takes the gauges, on the executor's thread; must neither block nor raise."""

    def gauge(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        """Take the value that `name` has now."""


class NoMetrics:
    """The sink where none is configured."""

    def gauge(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        """Forget the value."""
