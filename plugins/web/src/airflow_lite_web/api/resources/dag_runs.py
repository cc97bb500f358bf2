"""DAG runs: listed, made, marked, cleared, deleted, and what people note on them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_lite.clock import SystemClock
from airflow_lite.errors import DagNotFound, DagRunNotFound, UserError
from airflow_lite.secrets_masker import redact
from airflow_lite.store import dags, doorbell, edits, listing, run_edits, test_runs, triggering
from airflow_lite.store.rest import runs as pages
from airflow_lite.store.rest.paging import Page, Range, Window
from airflow_lite.store.rest.runs import RunFilter
from airflow_lite.store.triggering import WantedRun
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import (
    FIELDS,
    ORDER_BY,
    PAGE,
    Endpoint,
    between,
    several,
)
from airflow_lite_web.api.forms import Form, Input
from airflow_lite_web.api.problems import AlreadyExists, BadRequest
from airflow_lite_web.api.records import Field, Listing, Record, Shaped, flag, moment, text
from airflow_lite_web.api.resources.dags import ALL, in_order
from airflow_lite_web.api.types import (
    BOOLEAN,
    MOMENT,
    OBJECT,
    TEXT,
    TEXTS,
    choice,
    integer,
    text_up_to,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from airflow_lite.spec.model import DagSpec
    from airflow_lite_web.api.endpoints import Call

LONGEST_NOTE = 1000
_LOGICAL = moment(test_runs.date_of)
RUN_FIELDS = {
    "dag_run_id": text("run_id"),
    "dag_id": text(is_nullable=False),
    "logical_date": _LOGICAL,
    "execution_date": _LOGICAL,
    "start_date": moment("start_us"),
    "end_date": moment("end_us"),
    "data_interval_start": moment("interval_start_us"),
    "data_interval_end": moment("interval_end_us"),
    "last_scheduling_decision": moment(lambda _: None),
    "run_type": text(is_nullable=False),
    "state": text(is_nullable=False),
    "external_trigger": flag(),
    "conf": Field(OBJECT, lambda run: redact(json.loads(run["conf"])), is_nullable=False),
    "note": text(),
}
RUN = Record("DAGRun", RUN_FIELDS)
RUNS = Listing("DAGRunCollection", "dag_runs", RUN)
NOTE = text_up_to(LONGEST_NOTE)
NEW_RUN_FIELDS = {
    "dag_run_id": Input(TEXT, is_nullable=True),
    "logical_date": Input(MOMENT, is_nullable=True),
    "execution_date": Input(MOMENT, is_nullable=True),
    "data_interval_start": Input(MOMENT, is_nullable=True),
    "data_interval_end": Input(MOMENT, is_nullable=True),
    "conf": Input(OBJECT),
    "note": Input(NOTE, is_nullable=True),
}
NEW_RUN = Form("NewDAGRun", NEW_RUN_FIELDS, frozenset(RUN_FIELDS) - frozenset(NEW_RUN_FIELDS))
STATE = Form(
    "UpdateDagRunState",
    {"state": Input(choice("success", "failed", "queued"), is_required=True)},
)
NOTED = Form("SetDagRunNote", {"note": Input(NOTE, is_required=True, is_nullable=True)})
CLEAR = Form("ClearDagRun", {"dry_run": Input(BOOLEAN, default=True)})
#: What is named of the task instances that are cleared or marked.
REFERENCE = Record(
    "TaskInstanceReference",
    {
        "task_id": text(is_nullable=False),
        "dag_id": text(is_nullable=False),
        "dag_run_id": text("run_id", is_nullable=False),
        "execution_date": _LOGICAL,
    },
)
REFERENCES = Listing(
    "TaskInstanceReferenceCollection", "task_instances", REFERENCE, has_total=False
)
RANGES = ("execution_date", "start_date", "end_date")
BATCH = Form(
    "ListDagRunsForm",
    {
        "order_by": Input(TEXT),
        "page_offset": Input(integer(0), 0),
        "page_limit": Input(integer(1), 100),
        "dag_ids": Input(TEXTS),
        "states": Input(TEXTS),
        **{each.name: Input(MOMENT) for name in RANGES for each in between(name)},
    },
)


def range_of(values: Mapping[str, Any], name: str) -> Range:
    """Return the range that the two parameters of a field have."""
    return Range(values.get(f"{name}_gte"), values.get(f"{name}_lte"))


def _filter(values: Mapping[str, Any], **more: Any) -> RunFilter:
    logical, start, end = (range_of(values, name) for name in RANGES)
    return RunFilter(logical_us=logical, start_us=start, end_us=end, **more)


def get_dag_runs(call: Call) -> Page:
    """Return a page of the runs of a DAG, or of all."""
    dag_ids = None if call["dag_id"] == ALL else [call["dag_id"]]
    changed = range_of(call.values, "updated_at")
    chosen = _filter(call.values, dag_ids=dag_ids, states=call["state"], changed_us=changed)
    return _page(call, chosen, Window(call["limit"], call["offset"]), call["order_by"])


def get_dag_runs_batch(call: Call) -> Page:
    """Return a page of the runs of some DAGs, or of all."""
    body = call.body
    chosen = _filter(body, dag_ids=body.get("dag_ids"), states=body.get("states"))
    return _page(
        call, chosen, Window(body["page_limit"], body["page_offset"]), body.get("order_by")
    )


def _page(call: Call, chosen: RunFilter, window: Window, order_by: str | None) -> Page:
    order = in_order(order_by or "id", pages.ORDER)
    with call.store.read() as connection:
        return pages.runs(connection, chosen, window, order)


def run_of(connection: sa.Connection, dag_id: str, run_id: str) -> dict[str, Any]:
    """Return a run; raise `DagRunNotFound`."""
    run = pages.run(connection, dag_id, run_id)
    if run is None:
        raise DagRunNotFound(f"DAG {dag_id!r} has no run {run_id!r}.")
    return run


def the_run(connection: sa.Connection, call: Call) -> dict[str, Any]:
    """Return the run that a call is about; raise `DagRunNotFound`."""
    return run_of(connection, call["dag_id"], call["dag_run_id"])


def the_spec(connection: sa.Connection, call: Call) -> tuple[int, DagSpec]:
    """Return version id and spec of the DAG that a call is about; raise `DagNotFound`."""
    row = listing.the_dag(connection, call["dag_id"])
    latest = dags.latest_spec(connection, call["dag_id"])
    if latest is None or not row["is_active"]:
        raise DagNotFound(f"DAG {call['dag_id']!r} is not in its file any more.")
    return latest


def get_dag_run(call: Call) -> dict[str, Any]:
    """Return one run."""
    with call.store.read() as connection:
        return the_run(connection, call)


def post_dag_run(call: Call) -> dict[str, Any]:
    """Make a run."""
    body = call.body
    with call.store.begin() as connection:
        version_id, spec = the_spec(connection, call)
        if listing.the_dag(connection, call["dag_id"])["has_import_errors"]:
            raise BadRequest(f"The file of DAG {call['dag_id']!r} cannot be imported now.")
        wanted = WantedRun(
            conf=body.get("conf"),
            run_id=body.get("dag_run_id"),
            logical_us=_logical_us(body),
            keeps_microseconds=True,
            interval=_interval(body),
            note=body.get("note"),
        )
        now_us = SystemClock().now_us()
        run_row_id = triggering.trigger(connection, spec, version_id, wanted, now_us=now_us)
        call.note(connection, "triggered the run", dag_run_id=run_row_id)
        return dict(listing.run_by_id(connection, run_row_id))


def _logical_us(body: Mapping[str, Any]) -> int | None:
    dates = {
        body[name] for name in ("logical_date", "execution_date") if body.get(name) is not None
    }
    if len(dates) > 1:
        raise BadRequest("logical_date and execution_date are not the same. Give one of them.")
    return next(iter(dates), None)


def _interval(body: Mapping[str, Any]) -> tuple[int, int] | None:
    start, end = (body.get(f"data_interval_{name}") for name in ("start", "end"))
    if (start is None) != (end is None):
        raise BadRequest("data_interval_start and data_interval_end go together. Give both.")
    return None if start is None or end is None else (start, end)


def update_dag_run_state(call: Call) -> dict[str, Any]:
    """Set the state of a run, and of its tasks with it."""
    state, now_us = call.body["state"], SystemClock().now_us()
    with call.store.begin() as connection:
        run = the_run(connection, call)
        if state == "queued":
            run_edits.set_queued(connection, run["id"], now_us=now_us)
        else:
            change = run_edits.set_failed if state == "failed" else run_edits.set_success
            change(
                connection,
                run["id"],
                _teardowns(connection, call),
                now_us=now_us,
                actor=call.actor,
            )
        call.note(connection, f"set the run to {state}", dag_run_id=run["id"])
        doorbell.ring(connection, runs=[run["id"]])
        return the_run(connection, call)


def _teardowns(connection: sa.Connection, call: Call) -> list[str]:
    latest = dags.latest_spec(connection, call["dag_id"])
    tasks = {} if latest is None else latest[1].tasks
    return [name for name, task in tasks.items() if task.is_teardown]


def clear_dag_run(call: Call) -> Any:
    """Clear all task instances of a run, or tell which that would be."""
    with call.store.begin() as connection:
        run = the_run(connection, call)
        _, spec = the_spec(connection, call)
        rows = listing.instances(connection, run["id"])
        chosen = [row for row in rows if row["task_id"] in spec.tasks]
        if call.body["dry_run"]:
            named = {name: run[name] for name in ("dag_id", "run_id", "run_type", "logical_us")}
            return Shaped(REFERENCES, Page([{**row, **named} for row in chosen], len(chosen)))
        clearables = [edits.clearable(row, spec) for row in chosen]
        edits.clear(connection, clearables, now_us=SystemClock().now_us(), actor=call.actor)
        doorbell.ring(connection, runs=[run["id"]])
        return Shaped(RUN, the_run(connection, call))


def set_dag_run_note(call: Call) -> dict[str, Any]:
    """Note a text on a run."""
    with call.store.begin() as connection:
        run = the_run(connection, call)
        run_edits.note_run(connection, run["id"], call.body["note"])
        call.note(connection, "changed the note of the run", dag_run_id=run["id"])
        return the_run(connection, call)


def delete_dag_run(call: Call) -> None:
    """Delete a run with all that is of it."""
    with call.store.begin() as connection:
        run = the_run(connection, call)
        try:
            edits.delete_run(connection, run["id"])
        except UserError as error:
            raise AlreadyExists(str(error)) from None
        call.note(connection, f"deleted run {run['run_id']} of DAG {run['dag_id']}")
        doorbell.ring(connection, runs=[run["id"]])


_RUNS = "/dags/{dag_id}/dagRuns"
_ONE = "/dags/{dag_id}/dagRuns/{dag_run_id}"
ENDPOINTS = (
    Endpoint(
        "POST",
        "/dags/~/dagRuns/list",
        "get_dag_runs_batch",
        "DAGRun",
        "List runs of several DAGs",
        get_dag_runs_batch,
        RUNS,
        form=BATCH,
    ),
    Endpoint(
        "GET",
        _RUNS,
        "get_dag_runs",
        "DAGRun",
        "List the runs of a DAG, or with `~` of all",
        get_dag_runs,
        RUNS,
        (
            *PAGE,
            ORDER_BY,
            FIELDS,
            several("state"),
            *(each for name in (*RANGES, "updated_at") for each in between(name)),
        ),
    ),
    Endpoint(
        "POST",
        _RUNS,
        "post_dag_run",
        "DAGRun",
        "Make a run",
        post_dag_run,
        RUN,
        form=NEW_RUN,
        role=Role.OPERATOR,
    ),
    Endpoint("GET", _ONE, "get_dag_run", "DAGRun", "Show a run", get_dag_run, RUN, (FIELDS,)),
    Endpoint(
        "PATCH",
        _ONE,
        "update_dag_run_state",
        "DAGRun",
        "Set the state of a run",
        update_dag_run_state,
        RUN,
        form=STATE,
        role=Role.OPERATOR,
    ),
    Endpoint(
        "DELETE",
        _ONE,
        "delete_dag_run",
        "DAGRun",
        "Delete a run",
        delete_dag_run,
        role=Role.OPERATOR,
    ),
    Endpoint(
        "POST",
        f"{_ONE}/clear",
        "clear_dag_run",
        "DAGRun",
        "Clear the task instances of a run, so that they run again",
        clear_dag_run,
        RUN,
        form=CLEAR,
        role=Role.OPERATOR,
        alternatives=(REFERENCES,),
    ),
    Endpoint(
        "PATCH",
        f"{_ONE}/setNote",
        "set_dag_run_note",
        "DAGRun",
        "Note a text on a run",
        set_dag_run_note,
        RUN,
        form=NOTED,
        role=Role.OPERATOR,
    ),
)
