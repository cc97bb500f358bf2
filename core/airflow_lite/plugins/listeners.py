"""The thread that calls the hooks of listeners, behind a bounded queue."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.plugins.registry import Registry

logger = logging.getLogger(__name__)

CAPACITY = 10_000
CLOSE_S = 5.0


class Listeners:
    """Delivers events to plugins, on a thread of its own that begins with the first event.

    `tell` never blocks: what does not fit into the queue is dropped, and counted in `dropped`.
    """

    def __init__(self, registry: Registry, capacity: int = CAPACITY) -> None:
        self._registry = registry
        self._queue: queue.Queue[tuple[str, object] | None] = queue.Queue(capacity)
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def tell(self, hook: str, event: object) -> None:
        """Have every plugin's `hook` called with `event`, soon."""
        if not self._registry.has(hook):
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="listeners", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait((hook, event))
        except queue.Full:
            self.dropped += 1
            if self.dropped == 1:
                logger.warning(
                    "The listeners of plugins are too slow: some events do not reach them."
                )

    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Deliver what is queued; return False if that took longer than `timeout_s`."""
        if self._thread is None:
            return True
        try:
            self._queue.put(None, timeout=timeout_s)
        except queue.Full:
            return False
        self._thread.join(timeout_s)
        if self.dropped:
            logger.warning(
                "%d events did not reach the listeners of plugins, which were too slow.",
                self.dropped,
            )
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            hook, event = item
            self._registry.call(hook, event=event)
