"""XCom values as JSON text: what may be pushed, how large, and how it comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_lite.errors import XComSizeError, XComTypeError

RETURN_KEY = "return_value"


def to_json(key: str, value: object, max_bytes: int) -> str:
    """Return `value` as JSON; raise `XComTypeError` or `XComSizeError` that name the key."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise XComTypeError(
            f"XCom {key!r} of type {type(value).__name__} cannot be written as JSON: {reason}."
            " Return strings, numbers, booleans, lists or dicts."
        ) from None
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise XComSizeError(
            f"XCom {key!r} has {size} bytes as JSON; [core] max_xcom_size is {max_bytes}."
            " Store the data elsewhere and push its address."
        )
    return text


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is not JSON")


def from_json(text: str) -> Any:
    """Read back what `to_json` wrote."""
    return json.loads(text)
