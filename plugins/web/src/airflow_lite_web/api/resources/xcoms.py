"""XComs, as tasks pushed them; texts in them that are secrets are masked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_lite.secrets_masker import redact
from airflow_lite.store import test_runs
from airflow_lite.store.rest import xcoms as pages
from airflow_lite.store.rest.paging import Window
from airflow_lite.store.rest.xcoms import XComFilter
from airflow_lite_web.api.endpoints import PAGE, Endpoint, Parameter
from airflow_lite_web.api.problems import NotFound
from airflow_lite_web.api.records import Field, Listing, Record, moment, number, text
from airflow_lite_web.api.resources.dags import ALL
from airflow_lite_web.api.types import ANY, BOOLEAN, INTEGER, TEXT

if TYPE_CHECKING:
    from airflow_lite.store.rest.paging import Page
    from airflow_lite_web.api.endpoints import Call

_FIELDS = {
    "key": text(is_nullable=False),
    "timestamp": moment("at_us"),
    "execution_date": moment(test_runs.date_of),
    "map_index": number(),
    "task_id": text(is_nullable=False),
    "dag_id": text(is_nullable=False),
}
ITEM = Record("XComCollectionItem", _FIELDS)
ITEMS = Listing("XComCollection", "xcom_entries", ITEM)
XCOM = Record("XCom", {**_FIELDS, "value": Field(ANY)})
_MAP_INDEX = Parameter("map_index", INTEGER)


def get_xcom_entries(call: Call) -> Page:
    """Return a page of the XComs of a task, or with `~` of all tasks, runs or DAGs."""
    names = ("dag_id", "dag_run_id", "task_id")
    dag_id, run_id, task_id = (None if call[name] == ALL else call[name] for name in names)
    chosen = XComFilter(dag_id, run_id, task_id, call["map_index"], call["xcom_key"])
    with call.store.read() as connection:
        return pages.xcoms(connection, chosen, Window(call["limit"], call["offset"]))


def get_xcom_entry(call: Call) -> dict[str, Any]:
    """Return one XCom with its value."""
    index = -1 if call["map_index"] is None else call["map_index"]
    path = (call["dag_id"], call["dag_run_id"], call["task_id"])
    with call.store.read_one() as connection:
        row = pages.xcom_of(connection, XComFilter(*path, index, call["xcom_key"]))
    if row is None:
        raise NotFound(
            f"Task {path[2]!r} pushed no XCom {call['xcom_key'][:60]!r} in this run.",
            "XCom entry not found",
        )
    value = redact(json.loads(row["value"]), call["xcom_key"])
    return {**row, "value": str(value) if call["stringify"] else value}


_TASK = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"
ENDPOINTS = (
    Endpoint(
        "GET",
        f"{_TASK}/xcomEntries",
        "get_xcom_entries",
        "XCom",
        "List the XComs of a task, or with `~` of all tasks, runs or DAGs",
        get_xcom_entries,
        ITEMS,
        (*PAGE, _MAP_INDEX, Parameter("xcom_key", TEXT)),
    ),
    Endpoint(
        "GET",
        f"{_TASK}/xcomEntries/{{xcom_key:path}}",
        "get_xcom_entry",
        "XCom",
        "Show an XCom with its value",
        get_xcom_entry,
        XCOM,
        (
            _MAP_INDEX,
            Parameter("deserialize", BOOLEAN, default=False),
            Parameter("stringify", BOOLEAN, default=True),
        ),
    ),
)
