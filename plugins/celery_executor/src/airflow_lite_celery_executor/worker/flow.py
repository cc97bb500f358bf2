"""How many messages a worker takes: some ahead of brisk tasks, none while all slots are held."""

from __future__ import annotations

import logging
from typing import Any

from airflow_lite_celery_executor.app import QUORUM

logger = logging.getLogger(__name__)


#: So many times more messages than usual are taken while tasks are over quickly.
MOST_AHEAD = 4


class Flow:
    """Sets a consumer's prefetch count by its free slots, and pauses it where there is none."""

    def __init__(self) -> None:
        self._consumer: Any = None
        self._shift = 0  # of the prefetch count, from what Celery set
        self._is_static = False  # it holds for what begins to be consumed after it is set
        self.is_paused = False

    def serve(self, consumer: Any) -> None:
        """Serve a consumer whose connection is new, and which consumes in full."""
        self._consumer = consumer
        self._shift = 0
        self._is_static = consumer.app.conf.task_default_queue_type == QUORUM
        self.is_paused = False

    def set_free(self, free: int, limit: int, depth: int) -> None:
        """Take messages for so many of `limit` slots, and for each so many ahead."""
        if self._consumer is None or self._consumer.task_consumer is None:
            return
        if free <= 0:
            self._pause()
            return
        ahead = 1 if self._is_static else min(depth, MOST_AHEAD)
        self._set_shift((free * ahead - limit) * self._consumer.prefetch_multiplier)
        self._resume()

    def consumes(self) -> None:
        """Pause again if that is due: the consumer has begun to consume from a further queue."""
        if self.is_paused:
            self._consumer.task_consumer.cancel()

    def renew(self) -> None:
        """Have a prefetch count that was set by others hold for what is consumed already."""
        if self._is_static and not self.is_paused and self._consumer.task_consumer is not None:
            self._pause()
            self._resume()

    def _pause(self) -> None:
        if not self.is_paused:
            self.is_paused = True
            self._consumer.task_consumer.cancel()

    def _resume(self) -> None:
        if self.is_paused:
            self.is_paused = False
            self._consumer.task_consumer.consume()

    def _set_shift(self, shift: int) -> None:
        """Shift the prefetch count, in which acknowledged messages do not count."""
        change = shift - self._shift
        if change == 0:
            return
        self._shift = shift
        if change > 0:
            self._consumer.qos.increment_eventually(change)
        else:
            self._consumer.qos.decrement_eventually(-change)
        if self._is_static:
            self._pause()  # until `_resume`, which begins anew
            self._consumer.qos.update()
