"""What is done to the task instances of a DAG: cleared, and given a state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.clock import SystemClock
from airflow_lite.errors import TaskNotFound
from airflow_lite.spec.graph import reach, with_relatives
from airflow_lite.states import FAILED_STATES, TaskInstanceState
from airflow_lite.store import doorbell, edits, marking
from airflow_lite.store.rest.paging import Page
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import Endpoint
from airflow_lite_web.api.forms import Form, Input
from airflow_lite_web.api.problems import BadRequest, NotFound
from airflow_lite_web.api.resources.dag_runs import REFERENCE, REFERENCES, run_of, the_spec
from airflow_lite_web.api.resources.task_instances import the_instance
from airflow_lite_web.api.types import BOOLEAN, MOMENT, TEXT, choice, list_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from airflow_lite.spec.model import DagSpec
    from airflow_lite_web.api.endpoints import Call

_NO, _YES = Input(BOOLEAN, default=False), Input(BOOLEAN, default=True)
_RELATIVES = ("include_upstream", "include_downstream", "include_future", "include_past")
CLEAR = Form(
    "ClearTaskInstances",
    {
        "dry_run": _YES,
        "task_ids": Input(list_of(TEXT, least=1)),
        "start_date": Input(MOMENT),
        "end_date": Input(MOMENT),
        "only_failed": _YES,
        "only_running": _NO,
        "include_subdags": _NO,
        "include_parentdag": _NO,
        "reset_dag_runs": _NO,
        "dag_run_id": Input(TEXT, is_nullable=True),
        **dict.fromkeys(_RELATIVES, _NO),
    },
)
NEW_STATE = Input(choice("success", "failed", "skipped"), is_required=True)
SET_STATES = Form(
    "UpdateTaskInstancesState",
    {
        "dry_run": _YES,
        "task_id": Input(TEXT, is_required=True),
        "execution_date": Input(MOMENT),
        "dag_run_id": Input(TEXT),
        **dict.fromkeys(_RELATIVES, Input(BOOLEAN, is_required=True)),
        "new_state": NEW_STATE,
    },
)
SET_STATE = Form("UpdateTaskInstance", {"dry_run": _YES, "new_state": NEW_STATE})


def post_clear_task_instances(call: Call) -> Page:
    """Clear task instances, or tell which that would be."""
    body = call.body
    _check_clear(body)
    with call.store.begin() as connection:
        _, spec = the_spec(connection, call)
        rows = edits.instances_to_clear(
            connection,
            spec.dag_id,
            _tasks(body, spec),
            states=_states(body),
            **_bounds(connection, call),
        )
        if not body["dry_run"]:
            chosen = [edits.clearable(row, spec) for row in rows]
            reopens = body["reset_dag_runs"]
            now_us = SystemClock().now_us()
            runs = edits.clear(
                connection, chosen, now_us=now_us, reopens_runs=reopens, actor=call.actor
            )
            doorbell.ring(connection, runs=sorted(runs))
    return Page([{**row, "dag_id": call["dag_id"]} for row in rows])


def _check_clear(body: Mapping[str, Any]) -> None:
    start, end, run_id = (body.get(name) for name in ("start_date", "end_date", "dag_run_id"))
    if body["only_failed"] and body["only_running"]:
        raise BadRequest("only_failed and only_running exclude each other. Set one to false.")
    if run_id is not None and (start is not None or end is not None):
        raise BadRequest("dag_run_id and dates exclude each other. Give one of them.")
    if start is not None and end is not None and start > end:
        raise BadRequest("end_date is before start_date.")


def _tasks(body: Mapping[str, Any], spec: DagSpec) -> set[str]:
    wanted = body.get("task_ids")
    if wanted is None:
        return set(spec.tasks)
    return with_relatives(
        spec.tasks,
        set(wanted) & set(spec.tasks),
        upstream=body["include_upstream"],
        downstream=body["include_downstream"],
    )


def _states(body: Mapping[str, Any]) -> set[str] | None:
    if body["only_failed"]:
        return {str(state) for state in FAILED_STATES}
    return {str(TaskInstanceState.RUNNING)} if body["only_running"] else None


def _bounds(connection: sa.Connection, call: Call) -> dict[str, int | None]:
    """Return the first and the last logical date of the runs that are meant."""
    body = call.body
    start, end = body.get("start_date"), body.get("end_date")
    if body.get("dag_run_id") is not None:
        start = end = run_of(connection, call["dag_id"], body["dag_run_id"])["logical_us"]
    return {
        "start_us": None if body["include_past"] else start,
        "end_us": None if body["include_future"] else end,
    }


def post_set_task_instances_state(call: Call) -> Page:
    """Give a task, and those around it, a state, or tell which would get it."""
    body = call.body
    if ("execution_date" in body) == ("dag_run_id" in body):
        raise BadRequest("Give one of execution_date and dag_run_id.")
    with call.store.begin() as connection:
        _, spec = the_spec(connection, call)
        rows = _rows_to_mark(connection, call, spec)
        _mark(connection, call, spec, rows)
    return Page(rows)


def _rows_to_mark(connection: sa.Connection, call: Call, spec: DagSpec) -> list[dict[str, Any]]:
    body, task_id = call.body, call.body["task_id"]
    if task_id not in spec.tasks:
        raise TaskNotFound(f"DAG {spec.dag_id!r} has no task {task_id!r}.")
    logical_us = body.get("execution_date")
    if logical_us is None:
        logical_us = run_of(connection, call["dag_id"], body["dag_run_id"])["logical_us"]
    rows = edits.instances_to_clear(
        connection,
        spec.dag_id,
        _relatives(body, spec),
        start_us=None if body["include_past"] else logical_us,
        end_us=None if body["include_future"] else logical_us,
    )
    if not any(row["task_id"] == task_id and row["logical_us"] == logical_us for row in rows):
        raise NotFound(f"Task {task_id!r} has no instance in this run.")
    return [{**row, "dag_id": spec.dag_id} for row in rows if row["state"] != body["new_state"]]


def _relatives(body: Mapping[str, Any], spec: DagSpec) -> set[str]:
    """Return the task with all above or below it, where these are meant, too."""
    tasks, task_id = spec.tasks, body["task_id"]
    names = {task_id}
    if body["include_upstream"]:
        names |= reach(tasks[task_id].upstream, lambda name: tasks[name].upstream)
    if body["include_downstream"]:
        names |= reach(tasks[task_id].downstream, lambda name: tasks[name].downstream)
    return names


def _mark(connection: sa.Connection, call: Call, spec: DagSpec, rows: Sequence[Any]) -> None:
    if not call.body["dry_run"]:
        state, now_us = TaskInstanceState(call.body["new_state"]), SystemClock().now_us()
        marking.set_state(connection, spec, rows, state, now_us=now_us, actor=call.actor)


def patch_task_instance(call: Call) -> dict[str, Any]:
    """Give one task instance a state, or tell which it would be."""
    with call.store.begin() as connection:
        _, spec = the_spec(connection, call)
        if call["task_id"] not in spec.tasks:
            raise TaskNotFound(f"DAG {spec.dag_id!r} has no task {call['task_id']!r}.")
        row = the_instance(connection, call)
        _mark(connection, call, spec, [row])
    return row


_MAPPED = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}"
_ONE = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"
ENDPOINTS = (
    Endpoint(
        "POST",
        "/dags/{dag_id}/clearTaskInstances",
        "post_clear_task_instances",
        "DAG",
        "Clear task instances, so that they run again",
        post_clear_task_instances,
        REFERENCES,
        form=CLEAR,
        role=Role.OPERATOR,
    ),
    Endpoint(
        "POST",
        "/dags/{dag_id}/updateTaskInstancesState",
        "post_set_task_instances_state",
        "DAG",
        "Give a task, and those around it, a state",
        post_set_task_instances_state,
        REFERENCES,
        form=SET_STATES,
        role=Role.OPERATOR,
    ),
    *(
        Endpoint(
            "PATCH",
            path,
            operation,
            "TaskInstance",
            "Give a task instance a state",
            patch_task_instance,
            REFERENCE,
            form=SET_STATE,
            role=Role.OPERATOR,
        )
        for path, operation in (
            (_ONE, "patch_task_instance"),
            (_MAPPED, "patch_mapped_task_instance"),
        )
    ),
)
