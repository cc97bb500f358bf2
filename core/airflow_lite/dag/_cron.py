"""Cron expressions as Airflow reads them: parsed, stepped through and put into words.

Five fields, or six with the seconds last. Stepping is naive: `timetable` knows of time zones.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

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
_DAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_ORDINALS = ("first", "second", "third", "fourth", "fifth")


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
        return self._step(moment, back=False)

    def before(self, moment: datetime) -> datetime:
        """Return the last moment before a naive one."""
        return self._step(moment, back=True)

    def _step(self, moment: datetime, *, back: bool) -> datetime:
        from cronsim import CronSim  # heavy enough to be left out where nothing is planned

        # Numbers only: by "*/2" cronsim would join the two fields of days with "and", not "or".
        words = (self.second, self.minute, self.hour, self.day, self.month, self.weekday)
        return next(CronSim(" ".join(map(",".join, words)), moment, reverse=back))


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
    found = [_parse_field(field, text, expression) for field, text in fields]
    cron = Cron(*found, *([("0",)] if len(found) == len(_FIELDS) - 1 else []))
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
        found = _numbers(field, term)
        if found is None:
            raise ValueError(_wrong(field, term, expression))
        numbers |= found
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


def _wrong(field: _Field, term: str, expression: str) -> str:
    names = f", {field.names[0]}-{field.names[-1]}" if field.names else ""
    return (
        f"cron expression {_shown(expression)}: {term[:40]!r} is not a {field.word}."
        f" Write {field.low}-{field.high}{names}, lists, ranges, * or */step."
    )


def _shown(expression: str) -> str:
    return repr(expression if len(expression) <= 80 else f"{expression[:77]}...")


def describe(cron: Cron) -> str:
    """Return the expression as a short English sentence."""
    parts = [_time_words(cron)]
    if cron.day != ("*",):
        parts.append(_days_of_month(cron.day))
    if cron.weekday != ("*",):
        link = "or on" if cron.day != ("*",) else "only on"
        parts.append(f"{link} {_list([_weekday(word) for word in cron.weekday])}")
    if cron.month != ("*",):
        months = [_MONTHS[int(word) - 1].capitalize() for word in cron.month]
        parts.append(f"only in {_list(months)}")
    return ", ".join(parts)


def _time_words(cron: Cron) -> str:
    at_second = "" if cron.second == ("0",) else f", at second {_list(list(cron.second))}"
    if cron.second == ("*",):
        at_second = ", every second"
    every = _pace(cron.minute, 60)
    if cron.hour == ("*",):
        if cron.minute == ("0",):
            return f"Every hour{at_second}"
        if every:
            return f"{every[0].upper()}{every[1:]}{at_second}"
        return f"At minute {_list(list(cron.minute))} of every hour{at_second}"
    if len(cron.hour) * len(cron.minute) <= 4 and cron.minute != ("*",):
        times = [f"{int(h):02d}:{int(m):02d}" for h in cron.hour for m in cron.minute]
        return f"At {_list(times)}{at_second}"
    minutes = every or f"at minute {_list(list(cron.minute))}"
    return f"{minutes[0].upper()}{minutes[1:]} of hour {_list(list(cron.hour))}{at_second}"


def _pace(words: tuple[str, ...], size: int) -> str | None:
    """Return "every 15 minutes" if the minutes are evenly apart all round the hour."""
    if words == ("*",):
        return "every minute"
    step = size // len(words)
    even = list(map(int, words)) == list(range(0, size, step))
    return f"every {step} minutes" if even and len(words) > 1 and size % step == 0 else None


def _days_of_month(words: tuple[str, ...]) -> str:
    shown = ["the last day" if word == "L" else f"day {word}" for word in words]
    return f"on {_list(shown)} of the month"


def _weekday(word: str) -> str:
    name = _DAY_NAMES[int(word[0])]
    if word.endswith("L"):
        return f"the last {name} of the month"
    if "#" in word:
        return f"the {_ORDINALS[int(word[2]) - 1]} {name} of the month"
    return name


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
