"""A small checker of JSON Schema: the keywords that params are written with."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sized
from datetime import date, datetime, time
from typing import Any

from airflow_lite.text import shortened

_NUMBERS, _TEXT, _LISTS = (int, float), (str,), (list, tuple)


def _is_number(value: object) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, _LISTS),
    "object": lambda value: isinstance(value, Mapping),
}


def _moment(value: str) -> None:
    if datetime.fromisoformat(value).tzinfo is None or len(value) < len("2024-01-01T00:00Z"):
        raise ValueError


def _like(pattern: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        if not re.match(pattern, value):
            raise ValueError

    return check


_FORMATS: dict[str, Callable[[str], object]] = {
    "date": date.fromisoformat,
    "date-time": _moment,
    "time": time.fromisoformat,
    "email": _like(r"[^@\s]+@[^@\s]+\Z"),
    "idn-email": _like(r"[^@\s]+@[^@\s]+\Z"),
    "uri": _like(r"[A-Za-z][A-Za-z0-9+.-]*:\S+$"),
    "regex": re.compile,
}


def faults(value: Any, schema: Mapping[str, Any] | bool, where: str = "") -> Iterator[str]:
    """Yield one line for each keyword of `schema` that `value` does not meet."""
    if isinstance(schema, bool):
        if not schema:
            yield f"{where}no value is allowed here"
        return
    for keyword, argument in schema.items():
        rule = _RULES.get(keyword)
        if rule is not None:
            for reason in rule(value, argument, schema):
                yield f"{where}{reason}"


Faults = Iterator[str]


def _type(value: Any, wanted: Any, _: Any) -> Faults:
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if not any(_TYPES[name](value) for name in names if name in _TYPES):
        yield f"{_shown(value)} is not of type {', '.join(map(repr, names))}"


def _enum(value: Any, wanted: Any, _: Any) -> Faults:
    if not any(_same(value, item) for item in wanted):
        yield f"{_shown(value)} is not one of {list(wanted)!r}"


def _const(value: Any, wanted: Any, _: Any) -> Faults:
    if not _same(value, wanted):
        yield f"{_shown(value)} is not {wanted!r}"


def _same(one: object, other: object) -> bool:
    """Whether two values are equal as JSON, where 1 is 1.0 but not true."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _limit(
    kinds: tuple[type, ...], meets: Callable[[Any, Any], bool], words: str
) -> Callable[..., Faults]:
    """Return the rule of a limit: of numbers, or of the length of what has one."""

    def rule(value: Any, limit: Any, _: Any) -> Faults:
        if isinstance(value, kinds) and not isinstance(value, bool):
            size = len(value) if isinstance(value, Sized) else value
            if not meets(size, limit):
                yield f"{_shown(value)} is {words} {limit!r}"

    return rule


def _pattern(value: Any, pattern: str, _: Any) -> Faults:
    if isinstance(value, str) and not re.search(pattern, value):
        yield f"{_shown(value)} does not match {pattern!r}"


def _format(value: Any, name: str, _: Any) -> Faults:
    if not isinstance(value, str) or name not in _FORMATS:
        return
    try:
        _FORMATS[name](value)
    except (ValueError, re.error):
        yield f"{_shown(value)} is not a {name!r}"


def _items(value: Any, schema: Any, _: Any) -> Faults:
    if isinstance(value, _LISTS):
        for index, item in enumerate(value):
            yield from faults(item, schema, f"[{index}]: ")


def _unique(value: Any, wanted: bool, _: Any) -> Faults:
    if wanted and isinstance(value, _LISTS):
        seen = [json.dumps(item, sort_keys=True, default=repr) for item in value]
        if len(set(seen)) < len(seen):
            yield f"{_shown(value)} has equal items"


def _required(value: Any, names: Any, _: Any) -> Faults:
    if isinstance(value, Mapping):
        yield from (f"{name!r} is missing" for name in names if name not in value)


def _properties(value: Any, schemas: Any, _: Any) -> Faults:
    if isinstance(value, Mapping):
        for name, schema in schemas.items():
            if name in value:
                yield from faults(value[name], schema, f"{name}: ")


def _additional(value: Any, schema: Any, whole: Any) -> Faults:
    if isinstance(value, Mapping):
        for name in value.keys() - whole.get("properties", {}).keys():
            if schema is False:
                yield f"{name!r} is not expected"
            else:
                yield from faults(value[name], schema, f"{name}: ")


def _any_of(value: Any, schemas: Any, _: Any) -> Faults:
    if not any(_valid(value, schema) for schema in schemas):
        yield f"{_shown(value)} is not valid under any of the given schemas"


def _one_of(value: Any, schemas: Any, _: Any) -> Faults:
    count = sum(_valid(value, schema) for schema in schemas)
    if count != 1:
        yield f"{_shown(value)} is valid under {count} of the given schemas, not one"


def _all_of(value: Any, schemas: Any, _: Any) -> Faults:
    for schema in schemas:
        yield from faults(value, schema)


def _not(value: Any, schema: Any, _: Any) -> Faults:
    if _valid(value, schema):
        yield f"{_shown(value)} is valid under a schema that it must not meet"


def _multiple(value: Any, factor: Any, _: Any) -> Faults:
    if _is_number(value) and (value / factor) % 1:
        yield f"{_shown(value)} is not a multiple of {factor!r}"


def _valid(value: object, schema: Any) -> bool:
    return next(faults(value, schema), None) is None


def _shown(value: object) -> str:
    return shortened(repr(value), 80)


_RULES: dict[str, Callable[..., Faults]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _limit(_NUMBERS, operator.ge, "less than the minimum of"),
    "maximum": _limit(_NUMBERS, operator.le, "greater than the maximum of"),
    "exclusiveMinimum": _limit(_NUMBERS, operator.gt, "not greater than"),
    "exclusiveMaximum": _limit(_NUMBERS, operator.lt, "not less than"),
    "multipleOf": _multiple,
    "minLength": _limit(_TEXT, operator.ge, "shorter than"),
    "maxLength": _limit(_TEXT, operator.le, "longer than"),
    "minItems": _limit(_LISTS, operator.ge, "shorter than"),
    "maxItems": _limit(_LISTS, operator.le, "longer than"),
    "pattern": _pattern,
    "format": _format,
    "items": _items,
    "uniqueItems": _unique,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "allOf": _all_of,
    "not": _not,
}
