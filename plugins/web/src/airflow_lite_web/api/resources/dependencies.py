"""What a task instance waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.clock import SystemClock
from airflow_lite.scheduler.failed_deps import failed_deps
from airflow_lite.states import TaskInstanceState
from airflow_lite.store import listing
from airflow_lite.store.rest.paging import Page
from airflow_lite_web.api.endpoints import Endpoint
from airflow_lite_web.api.records import Listing, Record, text
from airflow_lite_web.api.resources.task_instances import the_instance

if TYPE_CHECKING:
    from airflow_lite_web.api.endpoints import Call

DEPENDENCY = Record(
    "TaskFailedDependency", {"name": text(is_nullable=False), "reason": text(is_nullable=False)}
)
DEPENDENCIES = Listing(
    "TaskInstanceDependencyCollection", "dependencies", DEPENDENCY, has_total=False
)
#: In other states Airflow tells of nothing, too.
_WAITING = {None, TaskInstanceState.SCHEDULED}


def get_dependencies(call: Call) -> Page:
    """Return what holds a task instance back that has not begun."""
    with call.store.read() as connection:
        row = the_instance(connection, call)
        if row["state"] not in _WAITING:
            return Page([])
        run = listing.run_by_id(connection, row["dag_run_id"])
        instance = listing.the_instance(connection, run, row["task_id"], row["map_index"])
        now_us = SystemClock().now_us()
        unmet = failed_deps(connection, call.config, run, instance, now_us)
    return Page([dependency._asdict() for dependency in sorted(unmet)])


_ONE = "/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"
ENDPOINTS = tuple(
    Endpoint(
        "GET",
        f"{path}/dependencies",
        f"get_{of}task_instance_dependencies",
        "TaskInstance",
        "Tell what a task instance waits for",
        get_dependencies,
        DEPENDENCIES,
    )
    for path, of in ((_ONE, ""), (f"{_ONE}/{{map_index}}", "mapped_"))
)
