"""A form for the params of a DAG, from their JSON schemas, and back from texts to values. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import ParamValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Begins the names of the fields, so that a param may be called as it likes.
PREFIX = "p:"
_MULTILINE = {"multiline", "textarea"}


def fields(params: Mapping[str, Any], given: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what the form shows of each param; `given` are texts in place of the defaults."""
    return [_field(name, param, given) for name, param in params.items()]


def _field(name: str, param: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    schema, default = param.get("schema") or {}, param.get("value")
    kind = _kind(schema, default)
    text = given.get(name, text_of(default))
    return {
        "name": PREFIX + name,
        "id": f"param-{name}",
        "label": schema.get("title") or name,
        "hint": schema.get("description") or schema.get("description_md") or "",
        "kind": kind,
        "text": text,
        "is_on": text.lower() in {"true", "on", "1", "yes"},
        "choices": [
            text_of(choice) for choice in schema.get("enum") or schema.get("examples") or ()
        ],
        "is_enum": bool(schema.get("enum")),
        "least": schema.get("minimum"),
        "most": schema.get("maximum"),
        "longest": schema.get("maxLength"),
        "is_required": "value" not in param and not _may_be_null(schema) and kind != "boolean",
    }


def _types(schema: Mapping[str, Any]) -> list[str]:
    types = schema.get("type", ())
    return [types] if isinstance(types, str) else [str(name) for name in types]


def _may_be_null(schema: Mapping[str, Any]) -> bool:
    return "null" in _types(schema)


def _kind(schema: Mapping[str, Any], default: object) -> str:
    """Return how a param is shown: boolean, choice, integer, number, json, lines, date or text."""
    types = [name for name in _types(schema) if name != "null"]
    name = types[0] if len(types) == 1 else _type_of(default)
    if schema.get("enum"):
        return "choice"
    if name in {"array", "object"}:
        return "json"
    if name == "string":
        layout = schema.get("format", "")
        return (
            layout
            if layout in {"date", "date-time", "time"}
            else ("lines" if layout in _MULTILINE else "text")
        )
    return name if name in {"boolean", "integer", "number"} else "text"


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "number"
    return "array" if isinstance(value, list | dict) else "string"


def text_of(value: object) -> str:
    """Return a value as the text of a field."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def values(params: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of params from the texts of a form's fields.

    Raises `ParamValidationError` for what is no JSON where it has to be.
    """
    return {
        name: _value(name, param, texts.get(PREFIX + name, "")) for name, param in params.items()
    }


def _value(name: str, param: Mapping[str, Any], text: str) -> Any:
    schema, default = param.get("schema") or {}, param.get("value")
    kind = _kind(schema, default)
    if kind == "boolean":
        return bool(text)
    if not text and (_may_be_null(schema) or default is None):
        return None
    if kind == "choice":
        choices = {text_of(choice): choice for choice in schema["enum"]}
        return choices.get(text, text)
    if kind in {"integer", "number"}:
        return _number(text)
    return _json(name, text) if kind == "json" else text.replace("\r\n", "\n")


def _number(text: str) -> Any:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text  # the schema says what is wrong with it


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParamValidationError(f"Param {name!r} is not JSON: {error}.") from None
