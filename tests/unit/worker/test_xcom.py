"""What may be an XCom."""

from __future__ import annotations

from datetime import datetime

import pytest

from airflow_lite.errors import XComSizeError, XComTypeError
from airflow_lite.worker.xcom import from_json, to_json


@pytest.mark.parametrize("value", [None, 1, 2.5, True, "ü", [1, [2]], {"a": {"b": None}}])
def test_json_values_come_back_as_they_went(value):
    assert from_json(to_json("k", value, 1000)) == value


@pytest.mark.parametrize(
    ("value", "kind"), [(b"x", "bytes"), (datetime(2024, 1, 1), "datetime"), ({1, 2}, "set")]
)
def test_what_json_cannot_hold_is_refused_by_its_type(value, kind):
    with pytest.raises(XComTypeError) as raised:
        to_json("k", value, 1000)
    assert str(raised.value) == (
        f"XCom 'k' of type {kind} cannot be written as JSON: a {kind} is not JSON."
        " Return strings, numbers, booleans, lists or dicts."
    )


def test_a_value_that_holds_itself_is_refused():
    value: list[object] = []
    value.append(value)
    with pytest.raises(XComTypeError, match="of type list cannot be written"):
        to_json("k", value, 1000)


def test_the_limit_counts_bytes_and_is_inclusive():
    assert to_json("k", "ü", 4) == '"ü"'
    with pytest.raises(XComSizeError) as raised:
        to_json("k", "ü", 3)
    assert str(raised.value) == (
        "XCom 'k' has 4 bytes as JSON; [core] max_xcom_size is 3."
        " Store the data elsewhere and push its address."
    )
