"""A file that a worker touches for as long as its event loop turns, for whatever watches it."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from airflow_lite.executors import ConfigError

#: Seconds between two touches.
TOUCH_S = 5.0

logger = logging.getLogger(__name__)


class LivenessFile:
    """Touched on the worker's main thread alone: with the broker away, too, and while it ends."""

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None
        self._next = 0.0  # a moment of `time.monotonic`
        self._is_failure_logged = False

    def start(self) -> None:
        """Make the file; raise `ConfigError` if that cannot be."""
        if self._path is None:
            return
        try:
            self._path.touch()
        except OSError as error:
            raise ConfigError(
                f"[celery] worker_liveness_file: {str(self._path)!r} cannot be written"
                f" ({error.strerror}). Name a file in a folder where the worker may write."
            ) from error

    def touch(self) -> None:
        """Touch the file, unless that was done a moment ago."""
        if self._path is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + TOUCH_S / 2  # of a timer that is early, no turn is lost
        try:
            self._path.touch()
            self._is_failure_logged = False
        except OSError as error:
            if not self._is_failure_logged:
                self._is_failure_logged = True
                logger.warning("%s cannot be touched: %s", self._path, error.strerror)

    def remove(self) -> None:
        """Remove the file: the worker has ended."""
        if self._path is not None:
            try:
                self._path.unlink(missing_ok=True)
            except OSError as error:
                logger.warning("%s cannot be removed: %s", self._path, error.strerror)
