"""Event logs: each change of a task instance, who made it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.store import test_runs
from airflow_lite.store.rest import events as pages
from airflow_lite.store.rest.events import EventFilter
from airflow_lite.store.rest.paging import Range, Window
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import ORDER_BY, PAGE, Endpoint, Parameter
from airflow_lite_web.api.problems import NotFound
from airflow_lite_web.api.records import Listing, Record, moment, number, text
from airflow_lite_web.api.resources.dags import in_order
from airflow_lite_web.api.types import INTEGER, MOMENT, TEXT

if TYPE_CHECKING:
    from airflow_lite.store.rest.paging import Page
    from airflow_lite_web.api.endpoints import Call


def _date_us(row: dict[str, Any]) -> int | None:
    return None if row["logical_us"] is None else test_runs.date_of(row)


EVENT = Record(
    "EventLog",
    {
        "event_log_id": number("id"),
        "when": moment("at_us"),
        "dag_id": text(),
        "task_id": text(lambda row: row["task_id"] or None),
        "run_id": text(),
        "map_index": number(),
        "try_number": number(),
        "event": text(is_nullable=False),
        "execution_date": moment(_date_us),
        "owner": text("actor"),
        "extra": text("cause"),
    },
)
EVENTS = Listing("EventLogCollection", "event_logs", EVENT)
_TEXTS = ("dag_id", "task_id", "run_id", "event", "owner")
_LISTS = ("included_events", "excluded_events")


def get_event_logs(call: Call) -> Page:
    """Return a page of events."""
    order = in_order(call["order_by"] or "event_log_id", pages.ORDER)
    chosen = EventFilter(
        dag_id=call["dag_id"],
        task_id=call["task_id"],
        run_id=call["run_id"],
        map_index=call["map_index"],
        try_number=call["try_number"],
        actor=call["owner"],
        event=call["event"],
        at_us=Range(call["after"], call["before"]),
        included=call["included_events"],
        excluded=call["excluded_events"],
    )
    with call.store.read() as connection:
        return pages.events(connection, chosen, Window(call["limit"], call["offset"]), order)


def get_event_log(call: Call) -> dict[str, Any]:
    """Return one event."""
    with call.store.read_one() as connection:
        row = pages.event(connection, call["event_log_id"])
    if row is None:
        raise NotFound(f"There is no event {call['event_log_id']}.", "Event Log not found")
    return row


ENDPOINTS = (
    Endpoint(
        "GET",
        "/eventLogs",
        "get_event_logs",
        "EventLog",
        "List what happened to task instances",
        get_event_logs,
        EVENTS,
        (
            *PAGE,
            ORDER_BY,
            *(Parameter(name, TEXT) for name in _TEXTS),
            *(Parameter(name, TEXT, is_list=True) for name in _LISTS),
            Parameter("map_index", INTEGER),
            Parameter("try_number", INTEGER),
            Parameter("before", MOMENT),
            Parameter("after", MOMENT),
        ),
        role=Role.OPERATOR,
    ),
    Endpoint(
        "GET",
        "/eventLogs/{event_log_id}",
        "get_event_log",
        "EventLog",
        "Show what happened to a task instance",
        get_event_log,
        EVENT,
        role=Role.OPERATOR,
    ),
)
