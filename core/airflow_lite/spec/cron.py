"""Cron expressions as Airflow reads them, for cronsim to step through and to describe.

Five fields, or six with the seconds last. Stepping is naive: `timetable` handles time zones.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.text import shortened

if TYPE_CHECKING:
    from datetime import datetime

    from cronsim import CronSim

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class _Field(NamedTuple):
    """One field of an expression: its word in messages, its numbers, its names for them."""

    word: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    first_name: int = 0


_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day of the month", 1, 31)
_MONTH = _Field("month", 1, 12, _MONTHS, 1)
_WEEKDAY = _Field("day of the week", 0, 6, _DAYS)
_SECOND = _Field("second", 0, 59)
_FIELDS = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY, _SECOND)


class Cron(NamedTuple):
    """A cron expression, each field as sorted words: numbers, or `*` for every value."""

    minute: tuple[str, ...]
    hour: tuple[str, ...]
    day: tuple[str, ...]  # also "L", the last
    month: tuple[str, ...]
    weekday: tuple[str, ...]  # also "5L", the last Friday, and "5#2", the second
    second: tuple[str, ...]

    @property
    def covers_every_hour(self) -> bool:
        """Whether it fires in every hour: then it keeps its pace when clocks are changed."""
        return self.hour == ("*",)

    def after(self, moment: datetime) -> datetime:
        """Return the first moment after a naive one."""
        return next(self._simulated(moment))

    def before(self, moment: datetime) -> datetime:
        """Return the last moment before a naive one."""
        return next(self._simulated(moment, back=True))

    def describe(self) -> str:
        """Return the expression as a short English sentence; as in Airflow, "At 00:00" is daily."""
        from datetime import datetime

        text: str = self._simulated(datetime(2000, 1, 1)).explain()  # noqa: DTZ001 - any does
        return text.removesuffix(" every day")

    def _simulated(self, moment: datetime, *, back: bool = False) -> CronSim:
        from cronsim import CronSim  # heavy enough to be left out where nothing is planned

        # Numbers only: by "*/2" cronsim would join the two fields of days with "and", not "or".
        words = (self.second, self.minute, self.hour, self.day, self.month, self.weekday)
        return CronSim(" ".join(map(",".join, words)), moment, reverse=back)


@lru_cache(maxsize=1024)
def parse(expression: str) -> Cron:
    """Read five or six fields; raise `ValueError` that names the field and what it may be."""
    texts = expression.lower().split()
    if len(texts) not in {5, 6}:
        raise ValueError(
            f"cron expression {_shown(expression)} has {len(texts)} fields. Write five"
            " (minute, hour, day of the month, month, day of the week),"
            " or six with the second last."
        )
    fields = zip(_FIELDS, texts, strict=False)
    words = [_parse_field(field, text, expression) for field, text in fields]
    cron = Cron(*words, *([("0",)] if len(words) == len(_FIELDS) - 1 else []))
    _check_fires(cron, expression)
    return cron


def _check_fires(cron: Cron, expression: str) -> None:
    from datetime import datetime

    from cronsim import CronSimError

    try:
        cron.after(datetime(2000, 1, 1))  # noqa: DTZ001 - naive on purpose
    except (CronSimError, StopIteration):
        raise ValueError(
            f"cron expression {_shown(expression)} never fires: no month has such a day."
        ) from None


def _parse_field(field: _Field, text: str, expression: str) -> tuple[str, ...]:
    numbers: set[int] = set()
    special: set[str] = set()
    for term in text.split(","):
        word = _special(field, term)
        if word:
            special.add(word)
            continue
        term_numbers = _numbers(field, term)
        if term_numbers is None:
            raise ValueError(_field_error(field, term, expression))
        numbers |= term_numbers
    if len(numbers) == field.high - field.low + 1:
        return ("*",)
    return (*map(str, sorted(numbers)), *sorted(special))


def _special(field: _Field, term: str) -> str | None:
    """Return cronsim's word for `L`, `L5` and `5#2`; None for a term of plain numbers."""
    if field is _DAY and term == "l":
        return "L"
    if field is not _WEEKDAY:
        return None
    match = re.fullmatch(r"l([0-7])", term)
    if match:
        return f"{int(match[1]) % 7}L"
    match = re.fullmatch(r"(\w+)#([1-5])", term)
    day = _value(field, match[1]) if match else None
    return None if match is None or day is None else f"{day % 7}#{match[2]}"


def _numbers(field: _Field, term: str) -> set[int] | None:
    """Return the numbers of `*`, `5`, `1-5`, `22-2`, each also with `/step`; None if unreadable."""
    match = re.fullmatch(r"(\*|\?|\w+)(?:-(\w+))?(?:/([0-9]{1,9}))?", term)
    if match is None or (match[3] is not None and int(match[3]) == 0):
        return None
    everything = match[1] in {"*", "?"}
    if everything and (match[2] or (match[1] == "?" and field not in {_DAY, _WEEKDAY})):
        return None
    first = field.low if everything else _value(field, match[1])
    stepped_to_end = everything or (match[3] is not None and match[2] is None)
    last = field.high if stepped_to_end else _value(field, match[2] or match[1])
    if first is None or last is None:
        return None
    return set(_ring(field, first, last)[:: int(match[3] or 1)])


def _ring(field: _Field, first: int, last: int) -> list[int]:
    """Return the numbers from first to last, past the end where last is the smaller: 22, 23, 0."""
    size = field.high - field.low + 1
    if last < first:
        last += size
    return [field.low + (number - field.low) % size for number in range(first, last + 1)]


def _value(field: _Field, word: str) -> int | None:
    if word in field.names:
        return field.names.index(word) + field.first_name
    highest = 7 if field is _WEEKDAY else field.high  # 7 is Sunday, too
    if re.fullmatch(r"[0-9]{1,2}", word) and field.low <= int(word) <= highest:
        return int(word)
    return None


def _field_error(field: _Field, term: str, expression: str) -> str:
    names = f", {field.names[0]}-{field.names[-1]}" if field.names else ""
    return (
        f"cron expression {_shown(expression)}: {term[:40]!r} is not a {field.word}."
        f" Write {field.low}-{field.high}{names}, lists, ranges, * or */step."
    )


def _shown(expression: str) -> str:
    return repr(shortened(expression, 80))
