"""The types of fields and parameters: how each is read, written, and told in OpenAPI."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import iso, to_us
from airflow_lite.text import is_storable

if TYPE_CHECKING:
    from collections.abc import Callable

#: Integers that every database takes: those of ids and moments, and all others.
MOST_ID, MOST_INTEGER = 2**63 - 1, 2**31 - 1
_MOST_NUMBER = MOST_ID // 1_000_000
#: Longest text of a parameter, in characters.
MOST_TEXT = 2000
_WHOLE = re.compile(r"-?\d{1,20}")


def _same(value: Any) -> Any:
    return value


class WrongValue(ValueError):
    """A value of another type: what follows its name in a sentence."""


class Type(NamedTuple):
    """How a kind of value is checked: `load` and `read` raise `WrongValue`."""

    schema: dict[str, Any]
    #: From a body's JSON to what the store takes.
    load: Callable[[Any], Any]
    #: From a parameter's text.
    read: Callable[[str], Any]
    #: From a row to the answer's JSON.
    dump: Callable[[Any], Any] = _same


def storable(value: Any) -> str:
    """Return a text that every database takes."""
    if not isinstance(value, str):
        raise WrongValue("is not a text")
    if not is_storable(value):
        raise WrongValue("has what no database keeps: a NUL, for one")
    return value


def _parameter_text(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise WrongValue(f"has {len(text)} characters, and may have {MOST_TEXT}")
    return storable(text)


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def load(value: Any) -> int:
        if type(value) is not int:
            raise WrongValue("is not a whole number")
        if not least <= value <= most:
            raise WrongValue(f"is not from {least} to {most}")
        return value

    return load


def integer(least: int = -MOST_INTEGER - 1, most: int = MOST_INTEGER) -> Type:
    """Return the type of the whole numbers between two."""
    load = _whole(least, most)

    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text):
            raise WrongValue("is not a whole number")
        return load(int(text))

    return Type({"type": "integer", "minimum": least, "maximum": most}, load, read)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongValue("is not a number")
    if not -_MOST_NUMBER <= value <= _MOST_NUMBER:  # nor is it nan
        raise WrongValue("is too large")
    return float(value)


def _read_number(text: str) -> float:
    try:
        return _number(float(text))
    except ValueError:
        raise WrongValue("is not a number") from None


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongValue("is neither true nor false")
    return value


def _read_boolean(text: str) -> bool:
    truth = {"true": True, "false": False}.get(text.lower())
    if truth is None:
        raise WrongValue("is neither true nor false")
    return truth


def _moment(value: Any) -> int:
    if not isinstance(value, str):
        raise WrongValue("is not a moment")
    try:
        moment = datetime.fromisoformat(value)
        in_us = to_us(moment.astimezone(UTC)) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        raise WrongValue("is not a moment such as 2024-01-31T12:00:00Z") from None
    if in_us is None:
        raise WrongValue("has no time zone. Write one, such as Z at its end")
    return in_us


def _read_moment(text: str) -> int:
    """Read a moment of a query, in which an unescaped + has become a blank."""
    return _moment(text.strip().replace(" ", "+"))


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WrongValue("is not an object")
    _check_storable(value)
    return value


def _check_storable(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise WrongValue("has what JSON cannot say") from None
    if "\\u0000" in json.dumps(value):
        raise WrongValue("has what no database keeps: a NUL")


def choice(*values: str, or_null: bool = False) -> Type:
    """Return the type of a text that is one of these."""

    def load(value: Any) -> str | None:
        if value is None and or_null:
            return None
        if not isinstance(value, str) or value not in values:
            raise WrongValue(f"is not one of {', '.join(values)}")
        return value

    schema: dict[str, Any] = {"type": "string", "enum": list(values)}
    if or_null:
        schema |= {"enum": [None, *values], "nullable": True}
    return Type(schema, load, load)


def list_of(item: Type, *, least: int = 0) -> Type:
    """Return the type of a list in a body or an answer."""

    def load(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise WrongValue("is not a list")
        if len(value) < least:
            raise WrongValue("is empty")
        return [item.load(each) for each in value]

    schema = {"type": "array", "items": item.schema, **({"minItems": least} if least else {})}
    return Type(
        schema,
        load,
        _parameter_text,
        lambda values: [item.dump(each) for each in values],
    )


def text_up_to(most: int) -> Type:
    """Return the type of a text of at most so many characters."""

    def load(value: Any) -> str:
        text = storable(value)
        if len(text) > most:
            raise WrongValue(f"has {len(text)} characters, and may have {most}")
        return text

    return Type({"type": "string", "maxLength": most}, load, load)


TEXT = Type({"type": "string"}, storable, _parameter_text)
INTEGER = integer()
ID = integer(0, MOST_ID)
NUMBER = Type({"type": "number"}, _number, _read_number)
BOOLEAN = Type({"type": "boolean"}, _boolean, _read_boolean)
MOMENT = Type({"type": "string", "format": "date-time"}, _moment, _read_moment, iso)
OBJECT = Type({"type": "object"}, _object, _parameter_text)
ANY = Type({}, _same, _parameter_text)
TEXTS = list_of(TEXT)
