"""Days of the week, as authors name them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class WeekDay(IntEnum):
    """A day of the week, by its number in ISO 8601."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7


def week_days(value: str | WeekDay | Iterable[str | WeekDay]) -> set[WeekDay]:
    """Return one day or several, given by name or as `WeekDay`.

    Raises AttributeError for a name that is none, and TypeError for what names no day at all.
    """
    if isinstance(value, str | WeekDay):
        return {_day(value)}
    if not isinstance(value, Iterable):
        raise TypeError(f"week_day is {value!r}. Make it the name of a day, a WeekDay, or a set.")
    return {_day(item) for item in value}


def _day(value: str | WeekDay) -> WeekDay:
    if isinstance(value, WeekDay):
        return value
    try:
        return WeekDay[value.upper()]
    except KeyError:
        names = ", ".join(day.name for day in WeekDay)
        raise AttributeError(f"week_day has {value!r}, which is no day. Use {names}.") from None
