"""How long a queued attempt whose key still runs is looked at again."""

from __future__ import annotations

from airflow_lite.clock import Clock, SystemClock


class RunningRetryAttemptType:
    """Counts the looks at one key: at least two, and until one came after `MIN_SECONDS`."""

    MIN_SECONDS = 10

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.total_tries = 0
        self.tries_after_min = 0
        self.first_attempt_time = self.clock.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the first look."""
        return self.clock.monotonic() - self.first_attempt_time

    def can_try_again(self) -> bool:
        """Count one look; return False if the last one already came late enough."""
        if self.tries_after_min > 0:
            return False
        self.total_tries += 1
        if self.elapsed > self.MIN_SECONDS:
            self.tries_after_min += 1
        return True
