"""The tries of task instances: what each attempt was, counted together try by try."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from airflow_lite.states import TaskInstanceState
from airflow_lite.store.rest import task_instances as pages
from airflow_lite.store.rest.paging import Page
from airflow_lite_web.api.endpoints import ORDER_BY, PAGE, Endpoint
from airflow_lite_web.api.problems import NotFound
from airflow_lite_web.api.records import Listing, Record
from airflow_lite_web.api.resources.task_instances import COMMON, instance_or_none

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite_web.api.endpoints import Call

TRY = Record("TaskInstanceHistory", COMMON)
#: Under the key that Airflow answers with, which is not that of its own description.
TRIES = Listing("TaskInstanceHistoryCollection", "task_instances", TRY)
_GOES_ON = {TaskInstanceState.UP_FOR_RETRY}


def _tries(call: Call) -> list[dict[str, Any]]:
    with call.store.read() as connection:
        row = instance_or_none(connection, call)
        if row is None:
            return []
        attempts = pages.attempts(connection, row["id"])
    earlier = [
        _as_of(row, list(group))
        for number, group in groupby(attempts, itemgetter("try_number"))
        if number != row["try_number"] or row["state"] in _GOES_ON
    ]
    return earlier if row["state"] in _GOES_ON else [*earlier, row]


def _as_of(row: dict[str, Any], attempts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the row of a task instance as it was at the end of a try with these attempts."""
    last = attempts[-1]
    return {
        **row,
        "try_number": last["try_number"],
        "state": _outcome(last["outcome"]),
        "start_us": min((at for each in attempts if (at := each["claimed_us"])), default=None),
        "end_us": last["ended_us"],
        "queued_us": attempts[0]["queued_us"],
        "hostname": last["hostname"],
        "pid": last["pid"],
    }


def _outcome(outcome: str | None) -> str | None:
    """Return the state of a try that is over: what a retry follows has failed."""
    return TaskInstanceState.FAILED if outcome in _GOES_ON else outcome


def get_tries(call: Call) -> Page:
    """Return all tries of a task instance."""
    rows = _tries(call)
    return Page(rows, len(rows))


def get_try(call: Call) -> dict[str, Any]:
    """Return one try."""
    number = call["task_try_number"]
    found = next((row for row in _tries(call) if row["try_number"] == number), None)
    if found is None:
        raise NotFound(f"The task instance has no try {number}.", "Task instance not found")
    return found


_ONE = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"
ENDPOINTS = tuple(
    endpoint
    for path, of in ((_ONE, ""), (f"{_ONE}/{{map_index}}", "mapped_"))
    for endpoint in (
        Endpoint(
            "GET",
            f"{path}/tries",
            f"get_{of}task_instance_tries",
            "TaskInstance",
            "List the tries of a task instance",
            get_tries,
            TRIES,
            (*PAGE, ORDER_BY),
        ),
        Endpoint(
            "GET",
            f"{path}/tries/{{task_try_number}}",
            f"get_{of}task_instance_try_details",
            "TaskInstance",
            "Show a try of a task instance",
            get_try,
            TRY,
        ),
    )
)
