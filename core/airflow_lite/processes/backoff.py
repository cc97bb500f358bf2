"""How long to hold still after failures in a row."""

from __future__ import annotations

from dataclasses import dataclass

#: Doubling a delay more often than this passes every longest one.
_MOST_DOUBLINGS = 60


@dataclass
class Backoff:
    """Failures in a row: each is followed by twice the delay of the last, up to the longest.

    Delays are in seconds, moments in seconds of a monotonic clock.
    """

    first_s: float
    longest_s: float
    failures: int = 0
    _since: float = 0.0  # the first failure
    _latest: float = 0.0

    @property
    def delay_s(self) -> float:
        """How long to wait after the latest failure; 0 without one."""
        if not self.failures:
            return 0.0
        doublings = min(self.failures - 1, _MOST_DOUBLINGS)
        return min(self.first_s * 2.0**doublings, self.longest_s)

    def fail(self, now: float) -> float:
        """Note a failure; return the delay until the next try."""
        if not self.failures:
            self._since = now
        self.failures += 1
        self._latest = now
        return self.delay_s

    def succeed(self) -> None:
        """Note a success: the next failure is the first."""
        self.failures = 0

    def left_s(self, now: float, most_s: float | None = None) -> float:
        """Return what is left of the delay, or of `most_s` if that is shorter."""
        delay_s = self.delay_s if most_s is None else min(self.delay_s, most_s)
        return max(self._latest + delay_s - now, 0.0) if self.failures else 0.0

    def lasted_s(self, now: float) -> float:
        """Return for how long nothing has succeeded; 0 without a failure."""
        return now - self._since if self.failures else 0.0
