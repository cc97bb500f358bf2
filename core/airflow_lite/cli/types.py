"""Types of arguments: each turns a word into a value or says in a few words why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


def _refused(reason: str) -> Exception:
    """Return the error that argparse shows as it is; specs are imported without argparse."""
    from argparse import ArgumentTypeError

    return ArgumentTypeError(reason)


def moment(text: str) -> datetime:
    """Read a date or date and time in ISO 8601, `2024-01-31` or `2024-01-31T06:00:00+02:00`.

    One without an offset stays naive: `known.to_us` gives it `[core] default_timezone`.
    """
    from datetime import datetime

    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _refused(
            f"{text[:60]!r} is not a date; write 2024-01-31 or 2024-01-31T06:00:00+00:00"
        ) from None


def positive_int(*, allow_zero: bool = False) -> Callable[[str], int]:
    """Return a type for whole numbers from 1, or 0, on."""

    def number(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            found = -1
        if found < (0 if allow_zero else 1):
            raise _refused(f"invalid positive int value: {text[:60]!r}")
        return found

    return number


def words(text: str) -> list[str]:
    """Read a list of words with commas between."""
    return [word.strip() for word in text.split(",") if word.strip()]
