"""Extra links of task instances: to the run that one triggered, to the DAG that one waits for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import JSONResponse

from airflow_lite.errors import TaskNotFound
from airflow_lite.store.rest import xcoms
from airflow_lite.store.rest.xcoms import XComFilter
from airflow_lite_web.api.endpoints import Endpoint, Parameter
from airflow_lite_web.api.records import Record
from airflow_lite_web.api.resources.dag_runs import the_run, the_spec
from airflow_lite_web.api.types import INTEGER

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite_web.api.endpoints import Call

#: By the links' names, which are for the operators to say.
LINKS = Record("ExtraLinkCollection", {})
#: The XCom by which an operator says which run it made.
_RUN_ID = "trigger_run_id"


def get_extra_links(call: Call) -> JSONResponse:
    """Return the links of a task instance, to pages of ours, by their names."""
    task_id = call["task_id"]
    with call.store.read() as connection:
        _, spec = the_spec(connection, call)
        task = spec.tasks.get(task_id)
        if task is None:
            raise TaskNotFound(f"DAG {spec.dag_id!r} has no task {task_id[:60]!r}.")
        the_run(connection, call)
        links = {}
        if task.waits_for_dag is not None:
            links["External DAG"] = _page_of(task.waits_for_dag)
        if task.triggers_dag is not None:
            run_id = _triggered(connection, call)
            links["Triggered DAG"] = _page_of(task.triggers_dag, run_id)
    return JSONResponse(links)


def _triggered(connection: sa.Connection, call: Call) -> str | None:
    path = (call["dag_id"], call["dag_run_id"], call["task_id"])
    index = -1 if call["map_index"] is None else call["map_index"]
    row = xcoms.xcom_of(connection, XComFilter(*path, index, _RUN_ID))
    run_id = None if row is None else json.loads(row["value"])
    return run_id if isinstance(run_id, str) else None


def _page_of(dag_id: str, run_id: str | None = None) -> str:
    run = "" if run_id is None else f"/runs/{quote(run_id, safe='')}"
    return f"/dags/{quote(dag_id, safe='')}{run}"


ENDPOINTS = (
    Endpoint(
        "GET",
        "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/links",
        "get_extra_links",
        "TaskInstance",
        "List the links of a task instance to what it triggered or waits for",
        get_extra_links,
        LINKS,
        (Parameter("map_index", INTEGER),),
    ),
)
