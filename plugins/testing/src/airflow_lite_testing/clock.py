"""A clock that a test moves."""

from __future__ import annotations

from airflow_lite.clock import seconds_us

#: 2024-01-01T00:00:00+00:00
START_US = 1_704_067_200_000_000


class FakeClock:
    """Stands still until `advance` is called; both its times move together."""

    def __init__(self, now_us: int = START_US) -> None:
        """Start at `now_us`, microseconds since 1970-01-01 UTC."""
        self._now_us = now_us
        self._elapsed_us = 0

    def now_us(self) -> int:
        """Return the wall time in microseconds."""
        return self._now_us

    def monotonic(self) -> float:
        """Return the seconds since the clock was made."""
        return self._elapsed_us / 1_000_000

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass; raise `ValueError` if they are negative."""
        if seconds < 0:
            raise ValueError(f"A clock goes forward: {seconds!r} s. Use `set_wall` to set it back.")
        self._now_us += seconds_us(seconds)
        self._elapsed_us += seconds_us(seconds)

    def set_wall(self, now_us: int) -> None:
        """Set the wall time alone, as an administrator or NTP does."""
        self._now_us = now_us
