"""The check of a value against a JSON schema, as Airflow makes it: with the library jsonschema.

Importing this takes 50 ms and 4 MB, so it is imported only where a value has a schema. Processes
that fork others for DAG files call `preload` first.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, FormatChecker, SchemaError, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend, validator_for
from referencing import Registry

from airflow_lite.text import described, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)

_TOO_DEEP = "the value or its schema is nested too deeply"


def fault(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Return in one line what in `value` does not meet `schema`, or None where all of it does.

    A schema that is broken itself, or that cannot be applied, is a fault too.
    """
    try:
        error = best_match(validator(json.dumps(schema)).iter_errors(value))
        return None if error is None or _is_airflows_date_time(error, value) else _line(error)
    except SchemaError as error:
        return f"its schema is not valid: {_line(error)}"
    except RecursionError:
        return _TOO_DEEP
    except Exception as error:  # the library's, of a value or schema that no JSON could hold
        return f"it cannot be checked: {described(error)}"
    except BaseException as error:
        if not _is_panic(error):
            raise
        return _TOO_DEEP


def _is_panic(error: BaseException) -> bool:
    """Whether compiled code met the limit of recursion: it panics, which is no Exception."""
    return type(error).__module__ == "pyo3_runtime"


@lru_cache(maxsize=1024)
def validator(schema: str) -> Any:
    """Return what checks values against a schema, given as JSON; raise `SchemaError`.

    Kept, as checking the schema takes 0.2 to 1 ms, and a value 10 µs. No `$ref` is read from the
    network: an empty registry knows the meta-schemas alone.
    """
    read = json.loads(schema)
    kind = _with_tuples(validator_for(read, default=Draft202012Validator))
    kind.check_schema(read)
    return kind(read, format_checker=_formats(), registry=Registry())


@cache
def _with_tuples(kind: Any) -> Any:
    """Return a draft's validator that takes tuples for arrays, which they become as JSON."""
    types = kind.TYPE_CHECKER.redefine("array", lambda _, value: isinstance(value, list | tuple))
    return extend(kind, type_checker=types)


@cache
def _formats() -> FormatChecker:
    formats = FormatChecker()
    formats.checks("date-time", ValueError)(_is_rfc_3339)
    return formats


def _is_rfc_3339(value: object) -> bool:
    """Whether a text is a date with time and offset, as Airflow's `rfc3339-validator` has it."""
    if not isinstance(value, str):
        return True
    text = value.upper()
    return _RFC_3339.fullmatch(text) is not None and bool(datetime.fromisoformat(text))


def _is_airflows_date_time(error: ValidationError, value: object) -> bool:
    """Whether Airflow 2.10 lets the value pass: a param that is a date with time, in ISO 8601."""
    schema = error.schema
    if not isinstance(schema, dict) or schema.get("format") != "date-time":
        return False
    if not isinstance(value, str) or not re.search("[T ]", value):
        return False
    try:
        return bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _line(error: ValidationError | SchemaError) -> str:
    shown, message = repr(error.instance), error.message
    if message.startswith(shown):
        message = shortened(shown, 80) + message.removeprefix(shown)
    limit = error.validator_value
    if type(limit) in (int, float) and repr(limit) not in message:
        message += f" ({error.validator} {limit!r})"
    line = f"{_path(error.absolute_path)}{message}"
    return shortened(" ".join(line.split()), 300)


def _path(path: Iterable[str | int]) -> str:
    """Return where in the value it is, as in "a: [1]: "."""
    return "".join(f"[{key}]: " if isinstance(key, int) else f"{key}: " for key in path)
