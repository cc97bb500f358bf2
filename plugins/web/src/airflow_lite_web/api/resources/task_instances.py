"""Task instances: listed, marked, and what people note on them. Their tries: `tries`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_lite.clock import US_PER_S
from airflow_lite.errors import TaskNotFound
from airflow_lite.secrets_masker import redact
from airflow_lite.states import TaskInstanceState
from airflow_lite.store import dags, run_edits, test_runs
from airflow_lite.store.rest import task_instances as pages
from airflow_lite.store.rest.paging import Page, Window
from airflow_lite.store.rest.task_instances import InstanceFilter
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import (
    DURATION,
    ORDER_BY,
    PAGE,
    Endpoint,
    Parameter,
    between,
    several,
)
from airflow_lite_web.api.forms import Form, Input
from airflow_lite_web.api.problems import NotFound
from airflow_lite_web.api.records import Field, Listing, Record, always, moment, number, text
from airflow_lite_web.api.resources import deferrals
from airflow_lite_web.api.resources.dag_runs import NOTED, RANGES, range_of
from airflow_lite_web.api.resources.dags import ALL, in_order
from airflow_lite_web.api.types import MOMENT, NUMBER, OBJECT, TEXT, TEXTS, choice, integer, list_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from airflow_lite_web.api.endpoints import Call


def _duration_s(row: Mapping[str, Any]) -> float | None:
    start, end = row["start_us"], row["end_us"]
    return None if start is None or end is None else (end - start) / US_PER_S


#: What task instances and their tries have in common.
COMMON = {
    "task_id": text(is_nullable=False),
    "task_display_name": text("task_id", is_nullable=False),
    "dag_id": text(is_nullable=False),
    "dag_run_id": text("run_id", is_nullable=False),
    "map_index": number(),
    "start_date": moment("start_us"),
    "end_date": moment("end_us"),
    "duration": Field(NUMBER, _duration_s),
    "state": text(),
    "try_number": number(),
    "max_tries": number(),
    "hostname": text(lambda row: row["hostname"] or "", is_nullable=False),
    "unixname": always(TEXT, ""),
    "pool": text(is_nullable=False),
    "pool_slots": number(),
    "queue": text(),
    "priority_weight": number(),
    "operator": text(),
    "queued_when": moment("queued_us"),
    "pid": number(),
    "executor": text(),
    "executor_config": text(lambda row: str(redact(row["executor_config"])), is_nullable=False),
}
INSTANCE = Record(
    "TaskInstance",
    {
        **COMMON,
        "execution_date": moment(test_runs.date_of),
        "note": text(),
        "sla_miss": always(OBJECT),
        "rendered_map_index": text(),
        "rendered_fields": Field(
            OBJECT, lambda row: redact(json.loads(row["fields"] or "{}")), is_nullable=False
        ),
        **deferrals.FIELDS,
    },
)
INSTANCES = Listing("TaskInstanceCollection", "task_instances", INSTANCE)
STATE = choice(*map(str, TaskInstanceState), "none", or_null=True)
_LISTS = ("pool", "queue", "executor")
FILTERS = (
    *(each for name in (*RANGES, "updated_at") for each in between(name)),
    *DURATION,
    *map(several, _LISTS),
    Parameter("state", STATE, is_list=True),
)
BATCH = Form(
    "ListTaskInstanceForm",
    {
        "page_offset": Input(integer(0), 0),
        "page_limit": Input(integer(1), 100),
        **{name: Input(TEXTS) for name in ("dag_ids", "dag_run_ids", "task_ids", *_LISTS)},
        "state": Input(list_of(STATE)),
        **{each.name: Input(MOMENT) for name in RANGES for each in between(name)},
        **{each.name: Input(NUMBER) for each in DURATION},
    },
)


def _filter(values: Mapping[str, Any], **more: Any) -> InstanceFilter:
    states = values.get("state")
    logical, start, end = (range_of(values, name) for name in RANGES)
    return InstanceFilter(
        states=None if states is None else [None if each == "none" else each for each in states],
        pools=values.get("pool"),
        queues=values.get("queue"),
        executors=values.get("executor"),
        logical_us=logical,
        start_us=start,
        end_us=end,
        duration_s=range_of(values, "duration"),
        changed_us=range_of(values, "updated_at"),
        **more,
    )


def _of_path(call: Call, name: str) -> list[str] | None:
    return None if call[name] == ALL else [call[name]]


def get_task_instances(call: Call) -> Page:
    """Return a page of the task instances of a run, or of all runs of one or all DAGs."""
    chosen = _filter(
        call.values, dag_ids=_of_path(call, "dag_id"), run_ids=_of_path(call, "dag_run_id")
    )
    with call.store.read() as connection:
        found = pages.instances(connection, chosen, Window(call["limit"], call["offset"]))
        return with_details(connection, found)


def get_task_instances_batch(call: Call) -> Page:
    """Return a page of the task instances of some DAGs, runs and tasks."""
    body = call.body
    chosen = _filter(
        body,
        dag_ids=body.get("dag_ids"),
        run_ids=body.get("dag_run_ids"),
        task_ids=body.get("task_ids"),
    )
    with call.store.read() as connection:
        found = pages.instances(connection, chosen, Window(body["page_limit"], body["page_offset"]))
        return with_details(connection, found)


def get_mapped_task_instances(call: Call) -> Page:
    """Return a page of the instances of a mapped task."""
    chosen = _filter(
        call.values,
        dag_ids=[call["dag_id"]],
        run_ids=[call["dag_run_id"]],
        task_ids=[call["task_id"]],
        is_mapped=True,
    )
    order = call["order_by"]
    order = in_order(order, pages.ORDER) if order else "map_index"
    with call.store.read() as connection:
        found = pages.instances(
            connection, chosen, Window(call["limit"], call["offset"]), order_by=order
        )
        if not found.total:
            _check_is_mapped(connection, call)
        return with_details(connection, found)


def _check_is_mapped(connection: sa.Connection, call: Call) -> None:
    """Raise `NotFound` unless there is such a task, and it is mapped."""
    latest = dags.latest_spec(connection, call["dag_id"])
    if latest is None:
        raise NotFound(f"There is no DAG {call['dag_id']!r}.", "DAG not found")
    task = latest[1].tasks.get(call["task_id"])
    if task is None:
        raise TaskNotFound(f"DAG {call['dag_id']!r} has no task {call['task_id']!r}.")
    if not task.is_mapped:
        raise NotFound(f"Task {call['task_id']!r} is not mapped.")


def with_details(connection: sa.Connection, found: Page) -> Page:
    """Return a page with what the version of each instance's DAG says for the executor.

    And with the job of the triggerer that it waits for.
    """
    specs = pages.specs(connection, [row["version_id"] for row in found.rows])
    tasks = {number: json.loads(spec).get("tasks", {}) for number, spec in specs.items()}

    def config_of(row: Mapping[str, Any]) -> Any:
        return tasks.get(row["version_id"], {}).get(row["task_id"], {}).get("executor_config", {})

    rows = [{**row, "executor_config": config_of(row)} for row in found.rows]
    return deferrals.with_triggerers(connection, Page(rows, found.total))


def instance_or_none(connection: sa.Connection, call: Call) -> dict[str, Any] | None:
    """Return the instance of the map index that a call names, -1 without one; None: no such."""
    index = -1 if call["map_index"] is None else call["map_index"]
    path = (call["dag_id"], call["dag_run_id"], call["task_id"])
    row = pages.instance_of_index(connection, *path, index)
    return None if row is None else with_details(connection, Page([row])).rows[0]


def the_instance(connection: sa.Connection, call: Call) -> dict[str, Any]:
    """Return the task instance that a call is about; raise `NotFound`."""
    row = instance_or_none(connection, call)
    if row is not None:
        return row
    title, path = "Task instance not found", (call["dag_id"], call["dag_run_id"], call["task_id"])
    if call["map_index"] is None and pages.is_mapped(connection, *path):
        raise NotFound(f"Task {path[2]!r} is mapped. Add a map index to the path.", title)
    raise NotFound(f"Run {path[1]!r} of DAG {path[0]!r} has no such task instance.", title)


def get_task_instance(call: Call) -> dict[str, Any]:
    """Return one task instance."""
    with call.store.read() as connection:
        return the_instance(connection, call)


def set_task_instance_note(call: Call) -> dict[str, Any]:
    """Note a text on a task instance."""
    with call.store.begin() as connection:
        row = the_instance(connection, call)
        run_edits.note_instance(connection, row["id"], call.body["note"])
        cause = f"changed the note of task {row['task_id']}"
        call.note(connection, cause, dag_run_id=row["dag_run_id"])
        return {**row, "note": call.body["note"]}


_RUN = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances"
_ONE, _MAPPED = f"{_RUN}/{{task_id}}", f"{_RUN}/{{task_id}}/{{map_index}}"
_TAG = "TaskInstance"
ENDPOINTS = (
    Endpoint(
        "POST",
        "/dags/~/dagRuns/~/taskInstances/list",
        "get_task_instances_batch",
        _TAG,
        "List task instances of several DAGs, runs and tasks",
        get_task_instances_batch,
        INSTANCES,
        form=BATCH,
    ),
    Endpoint(
        "GET",
        _RUN,
        "get_task_instances",
        _TAG,
        "List the task instances of a run, or with `~` of all runs or DAGs",
        get_task_instances,
        INSTANCES,
        (*PAGE, *FILTERS),
    ),
    Endpoint(
        "GET",
        f"{_ONE}/listMapped",
        "get_mapped_task_instances",
        _TAG,
        "List the instances of a mapped task",
        get_mapped_task_instances,
        INSTANCES,
        (*PAGE, ORDER_BY, *FILTERS),
    ),
    *(
        endpoint
        for path, of in ((_ONE, ""), (_MAPPED, "mapped_"))
        for endpoint in (
            Endpoint(
                "GET",
                path,
                f"get_{of}task_instance",
                _TAG,
                "Show a task instance",
                get_task_instance,
                INSTANCE,
            ),
            Endpoint(
                "PATCH",
                f"{path}/setNote",
                f"set_{of}task_instance_note",
                _TAG,
                "Note a text on a task instance",
                set_task_instance_note,
                INSTANCE,
                form=NOTED,
                role=Role.OPERATOR,
            ),
        )
    ),
)
