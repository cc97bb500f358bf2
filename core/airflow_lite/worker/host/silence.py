"""For how long a task host has said nothing to who started it, and when that is too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.config import Config

#: A host that was just started has to import all it needs first, maybe on a busy machine.
START_S = 60.0
#: A pause of our own longer than this, in seconds, is not counted against the host.
_PAUSE_S = 1.0


class Silence:
    """Counts the seconds of silence in which this process ran itself: both may be suspended.

    A host that is stopped, which the system knows of, has `beat_timeout_s`; another may be waiting
    for the database as long as that allows, and has so much more.
    """

    def __init__(self, config: Config) -> None:
        self.interval_s = config.getfloat("scheduler", "beat_interval_s")
        self.stopped_limit_s = config.getfloat("scheduler", "beat_timeout_s")
        busy_s = config.getfloat("database", "sqlite_busy_timeout_s")
        self._limit_s = self.stopped_limit_s + busy_s
        self.silent_s = 0.0
        self._looked_at: float | None = None
        self._has_heard = False

    def begin(self) -> None:
        """Begin with a host that was just started."""
        self.rest()
        self._has_heard = False

    def hear(self) -> None:
        """Take note that the host has said something."""
        self._has_heard = True
        self.rest()

    def rest(self) -> None:
        """Take note that nothing is expected of the host."""
        self.silent_s, self._looked_at = 0.0, None

    def look(self, now: float) -> None:
        """Count the seconds since the last look; `now` is of the monotonic clock."""
        if self._looked_at is not None:
            self.silent_s += min(now - self._looked_at, self.interval_s + _PAUSE_S)
        self._looked_at = now

    @property
    def is_long(self) -> bool:
        """Whether it may be too long: only then need anybody ask whether the host is stopped."""
        return self.silent_s >= self.stopped_limit_s

    def is_too_long(self, *, is_stopped: bool) -> bool:
        """Whether a host that is silent for so long hangs."""
        limit_s = self.stopped_limit_s if is_stopped else self._limit_s
        return self.silent_s >= (limit_s if self._has_heard else max(limit_s, START_S))
