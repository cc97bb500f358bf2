"""How many messages a worker takes from the broker: none while every slot is held for long."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger(__name__)


class Flow:
    """Sets a consumer's prefetch count to its free slots, and pauses it where there is none."""

    def __init__(self) -> None:
        self._consumer: Any = None
        self._taken = 0  # slots that the prefetch count is lowered by
        self.is_paused = False

    def serve(self, consumer: Any) -> None:
        """Serve a consumer whose connection is new, and which consumes in full."""
        self._consumer = consumer
        self._taken = 0
        self.is_paused = False

    def set_free(self, free: int, limit: int) -> None:
        """Take messages for so many of `limit` slots."""
        if self._consumer is None or self._consumer.task_consumer is None:
            return
        if free <= 0:
            self._pause()
            return
        self._lower(limit - free)
        self._resume()

    def _pause(self) -> None:
        if not self.is_paused:
            self.is_paused = True
            self._consumer.task_consumer.cancel()

    def _resume(self) -> None:
        if self.is_paused:
            self.is_paused = False
            self._consumer.task_consumer.consume()

    def _lower(self, taken: int) -> None:
        """Lower the prefetch count by so many slots: acknowledged messages do not count there."""
        change = (taken - self._taken) * self._consumer.prefetch_multiplier
        self._taken = taken
        if change > 0:
            self._consumer.qos.decrement_eventually(change)
        elif change < 0:
            self._consumer.qos.increment_eventually(-change)
