"""Checks of authors' arguments: each returns the value as it is kept, or raises `WrongType`."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from typing import Any, TypeVar

from airflow_lite.authoring.arguments.references import Reference
from airflow_lite.errors import AirflowDagException, InvalidIdError
from airflow_lite.keys import check_id
from airflow_lite.text import shortened

#: What every database holds as an integer.
_LARGEST = 2**31 - 1

Kept = TypeVar("Kept")
Word = TypeVar("Word", bound=Enum)
Check = Callable[[Any], Any]


class WrongType(Exception):
    """The value is not of the kind that the text names."""


def checked(owner: str, name: str, check: Check, value: object) -> Any:
    """Return `check(value)`; raise TypeError that names owner, argument, value and type."""
    try:
        return check(value)
    except WrongType as expected:
        shown, kind = shortened(repr(value), 60), type(value).__name__
        raise TypeError(
            f"{owner}: {name}={shown} is of type {kind}; it must be {expected}."
        ) from None


def text(value: object) -> str:
    """A string."""
    if isinstance(value, Enum) and isinstance(value, str):
        return str(value.value)
    if not isinstance(value, str):
        raise WrongType("a string")
    return value


def flag(value: object) -> bool:
    """True or False."""
    if value not in (True, False):
        raise WrongType("True or False")
    return bool(value)


def whole(value: object) -> int:
    """A whole number; as in Airflow, text that holds one is taken too."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise WrongType("a whole number")
    try:
        return int(value)
    except ValueError:
        raise WrongType("a whole number") from None


def at_least(least: int) -> Callable[[object], int]:
    """Return a check for a whole number that is not smaller, and that a database holds."""

    def check(value: object) -> int:
        number = whole(value)
        if number < least:
            raise WrongType(f"a whole number of at least {least}")
        if number > _LARGEST:
            raise WrongType(f"a whole number of at most {_LARGEST}")
        return number

    return check


natural, positive = at_least(0), at_least(1)


def duration(value: object) -> timedelta:
    """A timedelta, or a number of seconds; not negative."""
    expected = "a timedelta or a number of seconds, not negative"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            value = timedelta(seconds=value)
        except (OverflowError, ValueError):
            raise WrongType(expected) from None
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise WrongType(expected)
    return value


def seconds(value: object) -> float:
    """A timedelta or a number of seconds, as seconds."""
    return duration(value).total_seconds()


def moment(default: tzinfo, of_text: tzinfo | None = None) -> Callable[[object], datetime]:
    """Return a check for a datetime or ISO text.

    As in Airflow, a datetime without a time zone is of `default`, and text of `of_text`.
    """

    def check(value: object) -> datetime:
        expected = "a datetime, or a date and time as ISO 8601 text"
        zone = default
        if isinstance(value, str):
            zone = of_text or default
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise WrongType(expected) from None
        if not isinstance(value, datetime):
            raise WrongType(expected)
        return value if value.tzinfo is not None else value.replace(tzinfo=zone)

    return check


def in_utc(value: datetime | None) -> datetime | None:
    """Return a moment in UTC, as Airflow keeps dates; the ends of time may stay in their zone."""
    try:
        return None if value is None else value.astimezone(UTC)
    except OverflowError:
        return value


def function(value: object) -> Callable[..., Any]:
    """Something callable."""
    if not callable(value):
        raise WrongType("callable")
    return value


def functions(value: object) -> list[Callable[..., Any]]:
    """One callable or a list of them, as a list."""
    many = isinstance(value, (list, tuple, set, frozenset))
    items: list[Any] = list(value) if many else [value]  # type: ignore[call-overload]
    if not all(callable(item) for item in items):
        raise WrongType("a callable or a list of callables")
    return items


def mapping(value: object) -> dict[str, Any]:
    """A dict whose keys are strings, as a copy."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise WrongType("a dict with strings as keys")
    return dict(value)


def names(value: object) -> tuple[str, ...]:
    """A list or set of strings; a set comes out sorted."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise WrongType("a list of strings")
    items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else list(value)
    if not all(isinstance(item, str) for item in items):
        raise WrongType("a list of strings")
    return tuple(items)


def exit_codes(value: Any) -> Container[int]:
    """One exit code, several, or None for none."""
    if value is None:
        return ()
    if isinstance(value, Container) and not isinstance(value, (str, bytes)):
        return value
    return (whole(value),)


def path(value: object) -> str:
    """A path, as text."""
    from os import PathLike, fspath

    return text(fspath(value) if isinstance(value, PathLike) else value)


def encoding(value: object) -> str:
    """The name of an encoding."""
    try:
        codecs.getincrementaldecoder(text(value))
    except LookupError:
        raise WrongType("the name of an encoding") from None
    return str(value)


def span(value: object) -> timedelta:
    """A timedelta, which may be negative."""
    if not isinstance(value, timedelta):
        raise WrongType("a timedelta")
    return value


def addresses(value: object) -> Any:
    """An e-mail address, several in one text, or a list of them; as it is."""
    if not isinstance(value, str):
        try:
            names(value)
        except WrongType:
            raise WrongType("an e-mail address, or a list of them") from None
    return value


def search_path(value: object) -> tuple[str, ...]:
    """One path or a list of paths."""
    from os import PathLike, fspath

    paths = [value] if isinstance(value, (str, PathLike)) else value
    if not isinstance(paths, Iterable):
        raise WrongType("a path or a list of paths")
    return names([fspath(item) if isinstance(item, PathLike) else item for item in paths])


def one_of(words: type[Word]) -> Callable[[object], Word]:
    """Return a check for a member of `words`, or its value."""

    def check(value: object) -> Word:
        try:
            return words(value)
        except ValueError:
            raise WrongType("one of " + ", ".join(str(word.value) for word in words)) from None

    return check


def optional(check: Callable[[Any], Kept]) -> Callable[[Any], Kept | None]:
    """Return a check that accepts None, too."""
    return lambda value: None if value is None else check(value)


def templated(check: Callable[[Any], Kept]) -> Callable[[Any], Kept | Any]:
    """Return a check that accepts a reference, too: it has its value only when the task runs."""
    return lambda value: value if isinstance(value, Reference) else check(value)


def rendered(check: Callable[[Any], Kept]) -> Callable[[Any], Kept | Any]:
    """Return a check that accepts a reference or a function, which is called as it is rendered."""
    return lambda value: value if isinstance(value, Reference) or callable(value) else check(value)


def author_id(value: object, kind: str) -> str:
    """Return `value` if it may be an id that an author chooses; raise `AirflowDagException`."""
    try:
        return check_id(value, kind)
    except InvalidIdError as error:
        raise AirflowDagException(str(error)) from None
