"""airflow.utils.timezone: moments and time zones. Few of them need pendulum."""

from __future__ import annotations

import datetime as dt
from typing import Any, overload

utc = dt.UTC


def is_localized(value: dt.datetime) -> bool:
    """Return whether a moment has a time zone."""
    return value.utcoffset() is not None


def is_naive(value: dt.datetime) -> bool:
    """Return whether a moment has no time zone."""
    return value.utcoffset() is None


def utcnow() -> dt.datetime:
    """Return the present moment, in UTC."""
    return dt.datetime.now(utc)


def utc_epoch() -> dt.datetime:
    """Return the first moment of 1970."""
    return dt.datetime(1970, 1, 1, tzinfo=utc)


@overload
def make_aware(value: None, timezone: dt.tzinfo | None = None) -> None: ...


@overload
def make_aware(value: dt.datetime, timezone: dt.tzinfo | None = None) -> dt.datetime: ...


def make_aware(value: dt.datetime | None, timezone: dt.tzinfo | None = None) -> dt.datetime | None:
    """Give a moment without one this time zone, UTC by default; raise ValueError if it has one."""
    if value is None:
        return None
    if is_localized(value):
        raise ValueError(f"make_aware expects a naive datetime, got {value}")
    return value.replace(tzinfo=timezone or utc)


def make_naive(value: dt.datetime, timezone: dt.tzinfo | None = None) -> dt.datetime:
    """Return the wall clock's time in a zone, UTC by default; raise ValueError if it has none."""
    if is_naive(value):
        raise ValueError("make_naive() cannot be applied to a naive datetime")
    return value.astimezone(timezone or utc).replace(tzinfo=None)


def convert_to_utc(value: dt.datetime | None) -> dt.datetime | None:
    """Return a moment in UTC; one without a time zone is taken as UTC."""
    if value is None:
        return None
    return (value if is_localized(value) else make_aware(value)).astimezone(utc)


def datetime(*args: Any, **kwargs: Any) -> dt.datetime:
    """Return a moment in UTC, if no other zone is given."""
    kwargs.setdefault("tzinfo", utc)
    return dt.datetime(*args, **kwargs)  # noqa: DTZ001 - it has one


def coerce_datetime(value: dt.datetime | None, tz: dt.tzinfo | None = None) -> Any:
    """Return a moment as one of pendulum's, in `tz` if that is given."""
    if value is None:
        return None
    import pendulum

    found = pendulum.instance(value if is_localized(value) else make_aware(value))
    return found if tz is None else found.in_timezone(tz)  # type: ignore[arg-type]


def parse(string: str, timezone: Any = None, *, strict: bool = False) -> Any:
    """Read a moment as pendulum does; one without a time zone is taken as UTC."""
    import pendulum

    return pendulum.parse(string, tz=timezone or utc, strict=strict)


def parse_timezone(name: str | int) -> Any:
    """Return pendulum's time zone of this name or offset."""
    import pendulum

    return pendulum.timezone(name)


def local_timezone() -> Any:
    """Return pendulum's time zone of this machine."""
    import pendulum

    return pendulum.tz.local_timezone()


def from_timestamp(timestamp: float, tz: Any = utc) -> Any:
    """Return the moment of a number of seconds since 1970, as one of pendulum's."""
    import pendulum

    return coerce_datetime(dt.datetime.fromtimestamp(timestamp, tz=utc)).in_timezone(
        pendulum.tz.local_timezone() if tz == "local" else tz
    )


def td_format(td_object: dt.timedelta | float | None) -> str | None:
    """Return a duration in words such as `1h:30M`, months having 30 days; None for none."""
    if not td_object:
        return None
    total = int(td_object.total_seconds() if isinstance(td_object, dt.timedelta) else td_object)
    days, rest = divmod(total, 86400)
    months, days = divmod(days, 30)
    counts = (*divmod(months, 12), days, rest // 3600, rest // 60 % 60, rest % 60)
    parts = [f"{count}{letter}" for count, letter in zip(counts, "ymdhMs", strict=True) if count]
    return ":".join(parts) or "<1s"
