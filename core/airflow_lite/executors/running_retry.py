"""How long a queued attempt whose key still runs is looked at again."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_lite.clock import Clock, SystemClock


@dataclass
class RunningRetryAttemptType:
    """Counts the looks at one key: at least two, and until one came after `MIN_SECONDS`."""

    MIN_SECONDS = 10

    clock: Clock = field(default_factory=SystemClock, repr=False)
    total_tries: int = field(default=0, init=False)
    tries_after_min: int = field(default=0, init=False)
    first_attempt_time: float = field(init=False)

    def __post_init__(self) -> None:
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
