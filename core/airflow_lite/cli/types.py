"""Types of arguments: each turns a word into a value or says in a few words why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta


#: The largest number of anything: every database holds it.
LARGEST = 2**31 - 1
#: Years far enough from Python's first and last for intervals and zones to be reckoned in.
_FIRST_YEAR, _LAST_YEAR = 100, 9900
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST_AGO_S = 100 * 366 * 86_400


def _refused(reason: str) -> Exception:
    """Return the error that argparse shows as it is; specs are imported without argparse."""
    from argparse import ArgumentTypeError

    return ArgumentTypeError(reason)


def moment(text: str) -> datetime:
    """Read a date or date and time in ISO 8601, `2024-01-31` or `2024-01-31T06:00:00+02:00`.

    A date without an offset stays naive: `resolve.to_us` gives it `[core] default_timezone`.
    """
    from datetime import datetime

    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise _refused(
            f"{text[:60]!r} is not a date; write 2024-01-31 or 2024-01-31T06:00:00+00:00"
        ) from None
    if not _FIRST_YEAR <= date.year <= _LAST_YEAR:
        raise _refused(
            f"{text[:60]!r} is out of range; write a year from {_FIRST_YEAR} to {_LAST_YEAR}"
        )
    return date


def since(text: str) -> datetime | timedelta:
    """Read how long ago, `30m`, `12h` or `1d`, or a moment."""
    from datetime import timedelta

    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not number.isdecimal():
        return moment(text)
    if int(number) * timedelta(**{unit: 1}).total_seconds() > _LONGEST_AGO_S:
        raise _refused(f"{text[:60]!r} is too long ago; write a date")
    return timedelta(**{unit: int(number)})


def whole(text: str) -> int:
    """Read a whole number, negative or not."""
    number = _number(text)
    if number is None:
        raise _refused(f"invalid int value: {text[:60]!r}")
    if abs(number) > LARGEST:
        raise _refused(f"{text[:60]!r} is too large; write at most {LARGEST}")
    return number


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def seconds(text: str) -> float:
    """Read a number of seconds, 0 or more; not one without end."""
    from math import inf

    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < inf:
        raise _refused(f"{text[:60]!r} is not a number of seconds; write 0 or more")
    return number


def positive_int(*, allow_zero: bool = False) -> Callable[[str], int]:
    """Return a type for whole numbers from 1, or 0, on."""

    def number(text: str) -> int:
        value = _number(text)
        if value is None or value < (0 if allow_zero else 1):
            raise _refused(f"invalid positive int value: {text[:60]!r}")
        return whole(text)

    return number


def words(text: str) -> list[str]:
    """Read a list of words with commas between."""
    return [word.strip() for word in text.split(",") if word.strip()]
