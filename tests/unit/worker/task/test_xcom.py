"""What may be an XCom."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pendulum
import pytest

from airflow_lite import Dataset
from airflow_lite.errors import XComSizeError, XComTypeError
from airflow_lite.worker.task.xcom import from_json, to_json


@pytest.mark.parametrize(
    "value",
    [
        *(None, 1, 2.5, True, "ü", [1, [2]], {"a": {"b": None}}, 2**80),
        *((1, (2, [3])), {1, "b"}, frozenset({(1, 2)}), [{"a": [{"b": {3}}]}]),
        *(date(2024, 2, 29), datetime(2024, 1, 2, 3, 4, 5, 6), datetime(2024, 1, 2, tzinfo=UTC)),
        datetime(2024, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")),
        *(timedelta(days=-1, microseconds=1), Decimal("1.50"), {"when": [date(2024, 1, 1)]}),
        *({"__kind__": "date", "value": "no date"}, {"a": {"__kind__": {"__kind__": [1]}}}),
    ],
    ids=lambda value: type(value).__name__,  # the repr of a set depends on its hashes
)
def test_values_come_back_as_they_went(value):
    found = from_json(to_json("k", value, 1000))
    assert found == value
    assert isinstance(found, type(value))


def test_a_dataset_comes_back_as_one_with_its_extra():
    dataset = Dataset("s3://sales/day", {"since": date(2024, 1, 1)})

    [back] = from_json(to_json("k", [dataset], 1000))

    assert isinstance(back, Dataset)
    assert (back.uri, back.extra) == ("s3://sales/day", {"since": date(2024, 1, 1)})


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ([(1, "a"), (2, "b")], [[1, "a"], [2, "b"]]),
        ({"a": (1, date(2024, 1, 1))}, {"a": [1, date(2024, 1, 1)]}),
        (({"a": (1,)}, (2,)), ({"a": [1]}, (2,))),
    ],
)
def test_a_tuple_in_a_list_or_dict_becomes_a_list_as_in_airflow(value, wanted):
    assert from_json(to_json("k", value, 1000)) == wanted


def test_what_pendulum_measures_comes_back_as_a_moment_and_a_time_span():
    start = pendulum.datetime(2024, 1, 1, tz="Europe/Berlin")
    value = [start, start.add(days=2) - start, pendulum.duration(hours=1)]
    moment, span, hour = from_json(to_json("k", value, 1000))
    assert (moment, moment.add(hours=1).hour) == (start, 1)
    assert (span, hour) == (timedelta(days=2), timedelta(hours=1))


def test_a_number_of_numpys_is_a_number():
    number = type("int64", (), {"__module__": "numpy", "ndim": 0, "item": lambda _: 7})()
    assert to_json("k", [number], 1000) == "[7]"


def test_a_plain_value_is_plain_json():
    assert to_json("k", {"a": [1, "b"], 2: None}, 1000) == '{"a":[1,"b"],"2":null}'


@pytest.mark.parametrize(
    ("value", "kind"), [(b"x", "bytes"), (range(2), "range"), (ValueError(), "ValueError")]
)
def test_what_json_cannot_hold_is_refused_by_its_type(value, kind):
    with pytest.raises(XComTypeError) as raised:
        to_json("k", value, 1000)
    assert str(raised.value) == (
        f"XCom 'k' of type {kind} cannot be written as JSON: a {kind} is not JSON."
        " Return strings, numbers, dates, lists, sets or dicts."
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
