"""Time as the whole project keeps it: UTC, in integer microseconds, from an injected clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
US_PER_S = 1_000_000


class Clock(Protocol):
    """A source of the time. `airflow_lite.testing` has one that a test moves."""

    def now_us(self) -> int:
        """Return the wall time: microseconds since 1970-01-01 UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go back, of no particular origin."""


class SystemClock:
    """The machine's own clock."""

    def now_us(self) -> int:
        """Return the wall time: microseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()


def utc_now() -> datetime:
    """Return what the machine's own clock shows, as an aware datetime in UTC."""
    return from_us(SystemClock().now_us())


def to_us(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970-01-01 UTC; naive ones are UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # The plain subtraction: that of pendulum's dates gives what timedeltas cannot divide.
    return datetime.__sub__(moment, EPOCH) // _MICROSECOND


def from_us(moment_us: int) -> datetime:
    """Return microseconds since 1970-01-01 UTC as an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=moment_us)


def iso(moment_us: int | None) -> str | None:
    """Return microseconds as Airflow prints moments: `2024-01-01T00:00:00+00:00`; None stays.

    A value of a database row that is no moment is shown as it is, so that the listing goes on.
    """
    try:
        return None if moment_us is None else from_us(moment_us).isoformat()
    except (TypeError, OverflowError):
        return repr(moment_us)


def seconds_us(seconds: float) -> int:
    """Return seconds as whole microseconds."""
    return round(seconds * US_PER_S)
