"""XCom values as JSON text: what may be pushed, how large, and how it comes back.

What JSON has no word for is an object that names its kind, `{"__kind__": "date", "value": …}`, and
so is a tuple, but in a list or dict, where it becomes a list as in Airflow 2.10. The kinds are a
closed list: nothing is imported because a value says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow_lite.errors import XComSizeError, XComTypeError

RETURN_KEY = "return_value"
#: Characters of a key; so many the column holds.
MAX_KEY_LENGTH = 512

_KIND = "__kind__"
_MICROSECOND = timedelta(microseconds=1)


def to_json(key: str, value: object, max_bytes: int) -> str:
    """Return `value` as JSON; raise `XComTypeError` or `XComSizeError` that name the key."""
    try:
        text = _text(value)
    except (TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise XComTypeError(
            f"XCom {key!r} of type {type(value).__name__} cannot be written as JSON: {reason}."
            " Return strings, numbers, dates, lists, sets or dicts."
        ) from None
    size = len(text.encode())
    if size > max_bytes:
        raise XComSizeError(
            f"XCom {key!r} has {size} bytes as JSON; [core] max_xcom_size is {max_bytes}."
            " Store the data elsewhere and push its address."
        )
    return text


def _text(value: object) -> str:
    """Return plain values as json writes them, at its speed, and all others piece by piece."""
    try:
        text = json_text(value)
    except TypeError:
        text = ""
    if text and _KIND not in text and not isinstance(value, tuple):
        return text
    return json_text(_written(value))


def json_text(value: object) -> str:
    """Return plain values as JSON that any database holds; raise as `json.dumps` does."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character, as in odd file names: only its escape is text
        return json.dumps(value, separators=(",", ":"))
    return text


def _written(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        items = {name: _written(_item(item)) for name, item in value.items()}
        return _kind("dict", list(items.items())) if _KIND in items else items
    if isinstance(value, list):
        return [_written(_item(item)) for item in value]
    for name, (kind, write, _) in _KINDS.items():
        if isinstance(value, kind):
            return _kind(name, write(value))
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return _written(value.item())  # one number
    raise TypeError(f"a {type(value).__name__} is not JSON")


def _item(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _kind(name: str, value: object) -> dict[str, object]:
    return {_KIND: name, "value": value}


def _listed(value: Any) -> list[Any]:
    return [_written(item) for item in value]


def _moment(text: str) -> datetime:
    from airflow_lite.worker.task.datetimes import TaskDateTime, of_pendulum

    return of_pendulum(TaskDateTime.fromisoformat(text))


#: Name -> the type, how it is written and how it is read. A datetime is a date, too.
_KINDS: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "tuple": (tuple, _listed, tuple),
    "set": (set, _listed, set),
    "frozenset": (frozenset, _listed, frozenset),
    "datetime": (datetime, datetime.isoformat, _moment),
    "date": (date, date.isoformat, date.fromisoformat),
    "timedelta": (
        timedelta,
        lambda value: timedelta.__floordiv__(value, _MICROSECOND),  # that of pendulum's fails
        lambda value: timedelta(microseconds=value),
    ),
    "Decimal": (Decimal, str, Decimal),
}


def from_json(text: str) -> Any:
    """Read back what `to_json` wrote."""
    return json.loads(text, object_hook=_read if _KIND in text else None)


def _read(data: dict[str, Any]) -> Any:
    name = data.get(_KIND)
    if name == "dict":
        return dict(data["value"])
    if name not in _KINDS:
        return data
    return _KINDS[name][2](data["value"])
