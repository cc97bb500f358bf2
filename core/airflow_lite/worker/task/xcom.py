"""XCom values as JSON text: what may be pushed, how large, and how it comes back.

What JSON has no word for is an object that names its kind, `{"__kind__": "date", "value": …}`, and
so is a tuple, but in a list or dict, where it becomes a list as in Airflow 2.10. The kinds are a
closed list: nothing is imported because a value says so.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import (
    UnmappableXComLengthPushed,
    UnmappableXComTypePushed,
    XComForMappingNotPushed,
    XComSizeError,
    XComTypeError,
)

if TYPE_CHECKING:
    from airflow_lite.worker.task.task_instance import RuntimeTaskInstance

RETURN_KEY = "return_value"
#: Characters of a key; so many the column holds.
MAX_KEY_LENGTH = 512

_KIND = "__kind__"
#: Read where a value is one: few are, and tasks that have none need not import it.
_DATASET, _DATASETS = "Dataset", "airflow_lite.authoring.datasets.model"
_MICROSECOND = timedelta(microseconds=1)


def to_json(key: str, value: object, max_bytes: int) -> str:
    """Return `value` as JSON; raise `XComTypeError` or `XComSizeError` that name the key."""
    return written(f"XCom {key!r}", value, max_bytes)


def written(what: str, value: object, max_bytes: int) -> str:
    """Return `value` as JSON; raise `XComTypeError` or `XComSizeError` that say of what it is."""
    try:
        text = _text(value)
    except (TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise XComTypeError(
            f"{what} of type {type(value).__name__} cannot be written as JSON: {reason}."
            " Return strings, numbers, dates, lists, sets or dicts."
        ) from None
    size = len(text.encode())
    if size > max_bytes:
        raise XComSizeError(
            f"{what} has {size} bytes as JSON; [core] max_xcom_size is {max_bytes}."
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
    model = sys.modules.get(_DATASETS)
    if model is not None and isinstance(value, model.Dataset):
        return _kind(_DATASET, [value.uri, _written(value.extra)])
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return _written(value.item())  # one number
    if _is_lazy(value):
        return [_written(_item(item)) for item in value]
    raise TypeError(f"a {type(value).__name__} is not JSON")


def _item(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _is_lazy(value: object) -> bool:
    from airflow_lite.worker.task.lazy_xcoms import LazyXComSelectSequence

    return isinstance(value, LazyXComSelectSequence)


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
    if name == _DATASET:
        from airflow_lite.authoring.datasets.model import Dataset

        return Dataset(*data["value"])
    if name not in _KINDS:
        return data
    return _KINDS[name][2](data["value"])


def map_length(ti: RuntimeTaskInstance, result: object) -> int | None:
    """Return how many instances a result gives to tasks that are mapped over it.

    One index of a mapped task gives one, if it returned something. None: nothing is mapped over
    it. Raises where nothing can be.
    """
    dag = ti.task.get_dag()
    if dag is None or ti.task_id not in dag.mapped_over:
        return None
    if ti.map_index >= 0:
        return int(result is not None or ti.has_pushed(RETURN_KEY))
    if result is None:
        raise XComForMappingNotPushed("did not push XCom for task mapping")
    is_text = isinstance(result, str | bytes | bytearray)
    if is_text or not isinstance(result, Mapping | Sequence):
        kind = type(result).__qualname__
        raise UnmappableXComTypePushed(f"unmappable return type {kind!r}")
    if len(result) > dag.defaults.max_map_length:
        raise UnmappableXComLengthPushed(
            f"unmappable return value length: {len(result)} > {dag.defaults.max_map_length}"
        )
    return len(result)
