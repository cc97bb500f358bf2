"""A row of an export: it comes back as it was, and holds only what every database takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_lite.store import schema
from airflow_lite.store.transfer.row_format import RowError, RowFormat

PICKLE: dict[str, Any] = {
    "id": 1,
    "dag_id": "d",
    "version_id": 2**63 - 1,
    "python": "3.12",
    "payload": b"\0\xff",
    "digest": "a",
    "signature": "b",
    "created_us": -(2**63),
}
POOL: dict[str, Any] = {"name": "p", "slots": -1, "description": None, "include_deferred": True}
RUN_KEY = "the row with dag_run_id '1', task_id 't', map_index '-1', key 'k'"


def written(table: Any, row: dict[str, Any]) -> dict[str, Any]:
    form = RowFormat(table)
    line = form.to_line([row[name] for name in form.columns])
    assert line.count(b"\n") == 1
    return form.to_row(line)


def test_numbers_flags_nothing_and_bytes_come_back_as_they_were() -> None:
    assert written(schema.dag_pickle, PICKLE) == PICKLE
    assert written(schema.pool, POOL) == POOL


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=250))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    row = POOL | {"name": text, "description": text}
    assert written(schema.pool, row) == row


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": None}, "the column name is empty"),
        ({"name": 7}, "the column name is '7', which is no text"),
        ({"name": "x" * 251}, "the column name has 251 characters, and may have 250"),
        ({"description": "a\0"}, "the column description has a NUL character"),
        ({"description": "\ud800"}, "the column description is no UTF-8"),
        ({"slots": "1"}, "the column slots is '1', which is no whole number"),
        ({"slots": True}, "the column slots is 'True', which is no whole number"),
        ({"slots": 1.0}, "the column slots is '1.0', which is no whole number"),
        ({"slots": 2**31}, "the column slots is 2147483648, which is out of range"),
        ({"include_deferred": 1}, "the column include_deferred is neither true nor false"),
    ],
)
def test_a_value_that_not_every_database_takes_is_named(change: dict[str, Any], told: str) -> None:
    with pytest.raises(RowError) as raised:
        written(schema.pool, POOL | change)
    assert str(raised.value).endswith(told)


def test_a_row_is_named_by_its_whole_key() -> None:
    with pytest.raises(RowError, match=RUN_KEY):
        RowFormat(schema.xcom).to_row(b'[1,"t",-1,"k",null,1]')


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"", "it is no JSON"),
        (b"\xff", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"{}", "it is no array of 4 values"),
        (b'["\\ud800",1,null,true]', "the column name is no UTF-8"),
        (b'["p",1,null]', "it is no array of 4 values"),
    ],
)
def test_a_line_that_is_no_row_is_told(line: bytes, told: str) -> None:
    with pytest.raises(RowError, match=told):
        RowFormat(schema.pool).to_row(line)


def test_bytes_that_are_no_base64_are_told() -> None:
    with pytest.raises(RowError, match="the column payload is not written in base64"):
        RowFormat(schema.dag_pickle).to_row(b'[1,"d",2,"3.12","%%%","a","b",1]')


@pytest.mark.parametrize("table", schema.metadata.sorted_tables, ids=str)
def test_every_table_has_a_format(table: Any) -> None:
    assert RowFormat(table).columns
