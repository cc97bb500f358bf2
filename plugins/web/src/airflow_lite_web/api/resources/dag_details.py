"""What the file of a DAG says: its details, its tasks, its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from airflow_lite.errors import TaskNotFound
from airflow_lite.spec.timetable import schedule_interval
from airflow_lite.store import dags as store_dags
from airflow_lite.store import doorbell, listing
from airflow_lite.store.rest.paging import Page
from airflow_lite.text import did_you_mean
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import FIELDS, ORDER_BY, Endpoint
from airflow_lite_web.api.problems import NotFound, answer
from airflow_lite_web.api.records import (
    Field,
    Listing,
    Record,
    always,
    flag,
    moment,
    nested,
    number,
    text,
)
from airflow_lite_web.api.resources.dag_runs import the_spec
from airflow_lite_web.api.resources.dags import DAG_FIELDS, in_order, shown
from airflow_lite_web.api.resources.files import location_of, read_source
from airflow_lite_web.api.resources.logs import wanted_type
from airflow_lite_web.api.types import NUMBER, OBJECT, TEXT, TEXTS, list_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_lite.spec.model import DagSpec, TaskSpec
    from airflow_lite_web.api.endpoints import Call


def _delta(seconds: float | None) -> dict[str, Any] | None:
    """Return a duration as Airflow's API has it."""
    return None if seconds is None else schedule_interval({"kind": "delta", "delta_s": seconds})


def _params(spec: DagSpec) -> dict[str, Any]:
    return {
        name: {
            "__class": "airflow.models.param.Param",
            "description": param.get("description"),
            "schema": param.get("schema", {}),
            "value": param.get("value"),
        }
        for name, param in spec.params.items()
    }


DETAILS = Record(
    "DAGDetail",
    {
        **DAG_FIELDS,
        "timezone": text(),
        "catchup": flag(),
        "orientation": always(TEXT, "LR"),
        "concurrency": number("max_active_tasks"),
        "start_date": moment("start_date_us"),
        "end_date": moment("end_date_us"),
        "dag_run_timeout": Field(OBJECT, lambda dag: _delta(dag["dagrun_timeout_s"])),
        "dataset_expression": Field(OBJECT, lambda dag: dag["schedule"].datasets),
        "doc_md": text(),
        "params": Field(OBJECT),
        "is_paused_upon_creation": flag(),
        "last_parsed": moment("last_parsed_us"),
        "template_searchpath": always(TEXT),
        "render_template_as_native_obj": flag(),
    },
)
#: Of a class only its name is stored.
CLASS = Record("ClassReference", {"module_path": always(TEXT, ""), "class_name": text("operator")})
TASK = Record(
    "Task",
    {
        "class_ref": nested(CLASS, lambda task: task),
        "operator_name": text("operator"),
        "task_id": text(is_nullable=False),
        "task_display_name": text("task_id", is_nullable=False),
        "owner": text(),
        "start_date": moment("start_date_us"),
        "end_date": moment("end_date_us"),
        "trigger_rule": text(is_nullable=False),
        "extra_links": always(list_of(OBJECT), []),
        "depends_on_past": flag(),
        "is_mapped": flag(),
        "wait_for_downstream": flag(),
        "retries": Field(NUMBER, lambda task: float(task["retries"])),
        "queue": text(),
        "pool": text(),
        "pool_slots": Field(NUMBER, lambda task: float(task["pool_slots"])),
        "execution_timeout": Field(OBJECT, lambda task: _delta(task["execution_timeout_s"])),
        "retry_delay": Field(OBJECT, lambda task: _delta(task["retry_delay_s"])),
        "retry_exponential_backoff": flag(),
        "priority_weight": Field(NUMBER, lambda task: float(task["priority_weight"])),
        "weight_rule": always(TEXT, "absolute"),  # the weight is the effective one
        "ui_color": always(TEXT, "#fff"),
        "ui_fgcolor": always(TEXT, "#000"),
        "template_fields": Field(TEXTS),
        "downstream_task_ids": Field(TEXTS, "downstream"),
        "params": Field(OBJECT),
        "doc_md": text(),
    },
)
TASKS = Listing("TaskCollection", "tasks", TASK)
SOURCE = Record("DAGSource", {"content": text()})


def get_dag_details(call: Call) -> dict[str, Any]:
    """Return all that is known of a DAG."""
    with call.store.read() as connection:
        row = shown(call, listing.the_dag(connection, call["dag_id"]))
        latest = store_dags.latest_spec(connection, call["dag_id"])
    if latest is None:
        raise NotFound(f"Nothing is stored of what DAG {call['dag_id']!r} is.", "DAG not found")
    spec = latest[1]
    return {**vars(spec), **row, "schedule": spec.schedule, "params": _params(spec)}


def get_tasks(call: Call) -> Page:
    """Return the tasks of a DAG."""
    order = in_order(call["order_by"] or "task_id", TASK.fields)
    with call.store.read() as connection:
        _, spec = the_spec(connection, call)
    rows = [_row(spec, task) for task in spec.tasks.values()]
    name, descends = order.removeprefix("-"), order.startswith("-")
    key = TASK.fields[name]

    def place(row: Mapping[str, Any]) -> tuple[bool, str | float]:
        value = key.value(name, row)
        return value is not None, value if isinstance(value, int | float) else str(value)

    return Page(sorted(rows, key=place, reverse=descends), len(rows))


def _row(spec: DagSpec, task: TaskSpec) -> dict[str, Any]:
    start, end = task.start_date_us, task.end_date_us
    return {
        **vars(task),
        "is_mapped": task.is_mapped,
        "start_date_us": spec.start_date_us if start is None else start,
        "end_date_us": spec.end_date_us if end is None else end,
        "params": _params(spec),
    }


def get_task(call: Call) -> dict[str, Any]:
    """Return one task of a DAG."""
    with call.store.read() as connection:
        _, spec = the_spec(connection, call)
    task = spec.tasks.get(call["task_id"])
    if task is None:
        raise TaskNotFound(
            f"DAG {spec.dag_id!r} has no task {call['task_id'][:60]!r}."
            f"{did_you_mean(call['task_id'], spec.tasks)}"
        )
    return _row(spec, task)


def get_dag_source(call: Call) -> Response:
    """Return the code of a DAG file."""
    wanted = wanted_type(call.accept)
    if wanted is None:
        return answer(406, "Code is given as application/json or text/plain.")
    location = location_of(call["file_token"])
    with call.store.read_one() as connection:
        is_known = location is not None and bool(store_dags.known_files(connection, [location]))
    code = read_source(call.config, location) if is_known and location is not None else None
    if code is None:
        raise NotFound("There is no such DAG file.", "Dag source not found")
    if wanted == "text/plain":
        return PlainTextResponse(code)
    return JSONResponse({"content": code})


def reparse_dag_file(call: Call) -> Response:
    """Have a DAG file parsed at once, though it has not changed."""
    location = location_of(call["file_token"])
    with call.store.begin() as connection:
        if location is None or not store_dags.parse_again(connection, location):
            raise NotFound("There is no such DAG file.", "File not found")
        call.note(connection, f"had DAG file {location} parsed again")
        doorbell.ring(connection, files=True)
    return Response(status_code=201)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/dags/{dag_id}/details",
        "get_dag_details",
        "DAG",
        "Show all that is known of a DAG",
        get_dag_details,
        DETAILS,
        (FIELDS,),
    ),
    Endpoint(
        "GET",
        "/dags/{dag_id}/tasks",
        "get_tasks",
        "DAG",
        "List the tasks of a DAG",
        get_tasks,
        TASKS,
        (ORDER_BY,),
    ),
    Endpoint(
        "GET", "/dags/{dag_id}/tasks/{task_id}", "get_task", "DAG", "Show a task", get_task, TASK
    ),
    Endpoint(
        "GET",
        "/dagSources/{file_token}",
        "get_dag_source",
        "DAG",
        "Show the code of a DAG file",
        get_dag_source,
        SOURCE,
        media_types=("text/plain",),
    ),
    Endpoint(
        "PUT",
        "/parseDagFile/{file_token}",
        "reparse_dag_file",
        "DAG Parsing",
        "Have a DAG file parsed at once",
        reparse_dag_file,
        status=201,
        role=Role.OPERATOR,
    ),
)
