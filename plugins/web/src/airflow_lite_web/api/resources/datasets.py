"""Datasets: who makes and awaits them, what changed them, and what is queued of that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_lite.clock import SystemClock
from airflow_lite.secrets_masker import redact
from airflow_lite.store import test_runs
from airflow_lite.store.rest import datasets as pages
from airflow_lite.store.rest.datasets import EventFilter
from airflow_lite.store.rest.paging import Page, Window
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import ORDER_BY, PAGE, Endpoint, Parameter
from airflow_lite_web.api.forms import Form, Input
from airflow_lite_web.api.problems import NotFound
from airflow_lite_web.api.records import Field, Listing, Record, moment, nested_list, number, text
from airflow_lite_web.api.resources.dag_runs import the_run
from airflow_lite_web.api.resources.dags import in_order
from airflow_lite_web.api.types import ID, INTEGER, MOMENT, OBJECT, TEXT

if TYPE_CHECKING:
    from airflow_lite_web.api.endpoints import Call

_EXTRA = Field(OBJECT, lambda row: redact(json.loads(row["extra"])), is_nullable=False)
_TIMES = {"created_at": moment("created_us"), "updated_at": moment("updated_us")}
TASK = Record("TaskOutletDatasetReference", {"dag_id": text(), "task_id": text(), **_TIMES})
DAG = Record("DagScheduleDatasetReference", {"dag_id": text(), **_TIMES})
ALIAS = Record("DatasetAlias", {"name": text()})
RUN = Record(
    "BasicDAGRun",
    {
        "dag_run_id": text("run_id"),
        "dag_id": text(is_nullable=False),
        "logical_date": moment(test_runs.date_of),
        "start_date": moment("start_us"),
        "end_date": moment("end_us"),
        "data_interval_start": moment("interval_start_us"),
        "data_interval_end": moment("interval_end_us"),
        "state": text(is_nullable=False),
    },
)


def _users(row: dict[str, Any], *, is_task: bool) -> list[dict[str, Any]]:
    """Return the tasks that make a dataset, or the DAGs that wait for it, with its moments."""
    return [
        {**row, "dag_id": dag_id, "task_id": task_id}
        for dag_id, task_id in row["uses"]
        if (task_id is not None) == is_task
    ]


DATASET = Record(
    "Dataset",
    {
        "id": number(),
        "uri": text(is_nullable=False),
        "extra": _EXTRA,
        **_TIMES,
        "producing_tasks": nested_list(TASK, lambda row: _users(row, is_task=True)),
        "consuming_dags": nested_list(DAG, lambda row: _users(row, is_task=False)),
        "aliases": nested_list(ALIAS, lambda row: [{"name": name} for name in row["aliases"]]),
    },
)
DATASETS = Listing("DatasetCollection", "datasets", DATASET)
EVENT = Record(
    "DatasetEvent",
    {
        "id": number(),
        "dataset_id": number(),
        "dataset_uri": text("uri", is_nullable=False),
        "extra": _EXTRA,
        "source_dag_id": text(),
        "source_task_id": text(),
        "source_run_id": text(),
        "source_map_index": number(),
        "created_dagruns": nested_list(RUN, "runs"),
        "timestamp": moment("at_us"),
    },
)
EVENTS = Listing("DatasetEventCollection", "dataset_events", EVENT)
QUEUED = Record(
    "QueuedEvent",
    {
        "uri": text(is_nullable=False),
        "dag_id": text(is_nullable=False),
        "created_at": moment("at_us"),
    },
)
ALL_QUEUED = Listing("QueuedEventCollection", "queued_events", QUEUED)
NEW_EVENT = Form(
    "CreateDatasetEvent",
    {
        "dataset_uri": Input(TEXT, is_required=True),
        "extra": Input(OBJECT, is_nullable=True),
    },
)


def get_datasets(call: Call) -> Page:
    """Return a page of datasets."""
    order = in_order(call["order_by"] or "id", pages.ORDER)
    window = Window(call["limit"], call["offset"])
    ids = None if call["dag_ids"] is None else call["dag_ids"].split(",")
    with call.store.read() as connection:
        return pages.datasets(connection, window, order, pattern=call["uri_pattern"], dag_ids=ids)


def get_dataset(call: Call) -> dict[str, Any]:
    """Return one dataset."""
    with call.store.read() as connection:
        row = pages.dataset_of(connection, call["uri"])
    if row is None:
        raise NotFound(f"There is no dataset {call['uri'][:200]!r}.", "Dataset not found")
    return row


def get_dataset_events(call: Call) -> Page:
    """Return a page of the changes of datasets."""
    order = in_order(call["order_by"] or "timestamp", pages.EVENT_ORDER)
    names = ("source_dag_id", "source_task_id", "source_run_id", "source_map_index")
    chosen = EventFilter(call["dataset_id"], *(call[name] for name in names))
    with call.store.read() as connection:
        return pages.events(connection, chosen, Window(call["limit"], call["offset"]), order)


def create_dataset_event(call: Call) -> dict[str, Any]:
    """Note a change of a dataset that no task made."""
    uri, extra = call.body["dataset_uri"], call.body.get("extra") or {}
    with call.store.begin() as connection:
        # As Airflow marks it.
        marked, now_us = {**extra, "from_rest_api": True}, SystemClock().now_us()
        event = pages.add_event(connection, uri, marked, now_us=now_us)
        if event is None:
            raise NotFound(f"There is no dataset {uri[:200]!r}.", "Dataset not found")
        call.note(connection, f"changed dataset {uri}")
    return event


def get_upstream_dataset_events(call: Call) -> Page:
    """Return the changes that a run was made for."""
    with call.store.read() as connection:
        rows = pages.events_of_run(connection, the_run(connection, call)["id"])
    return Page(rows, len(rows))


def get_queued_events(call: Call) -> Page:
    """Return what is queued for a DAG, or of a dataset."""
    with call.store.read() as connection:
        rows = pages.queued(connection, **_queue(call))
    if not rows:
        raise _nothing_queued()
    return Page(rows, len(rows))


def get_queued_event(call: Call) -> Any:
    """Return what is queued for a DAG of a dataset."""
    return get_queued_events(call).rows[0]


def delete_queued_events(call: Call) -> None:
    """Take what is queued for a DAG, or of a dataset, out of the queue."""
    with call.store.begin() as connection:
        if not pages.delete_queued(connection, **_queue(call)):
            raise _nothing_queued()
        place = " ".join(str(call[name]) for name in ("dag_id", "uri") if call[name] is not None)
        call.note(connection, f"took changes of datasets out of the queue: {place}")


def _queue(call: Call) -> dict[str, Any]:
    return {"dag_id": call["dag_id"], "uri": call["uri"], "before_us": call["before"]}


def _nothing_queued() -> NotFound:
    return NotFound("No change of a dataset is queued there.", "Queue event not found")


_BEFORE = (Parameter("before", MOMENT),)
_OF_DAG = "/dags/{dag_id}/datasets/queuedEvent"
#: Path of the queue, and what its two calls are named.
_QUEUES = (
    (_OF_DAG, "dag_dataset_queued_events"),
    ("/datasets/queuedEvent/{uri:path}", "dataset_queued_events"),
)
ENDPOINTS = (
    Endpoint(
        "GET",
        "/datasets",
        "get_datasets",
        "Dataset",
        "List datasets",
        get_datasets,
        DATASETS,
        (*PAGE, ORDER_BY, Parameter("uri_pattern", TEXT), Parameter("dag_ids", TEXT)),
    ),
    Endpoint(
        "GET",
        "/datasets/events",
        "get_dataset_events",
        "Dataset",
        "List the changes of datasets",
        get_dataset_events,
        EVENTS,
        (
            *PAGE,
            ORDER_BY,
            Parameter("dataset_id", ID),
            Parameter("source_dag_id", TEXT),
            Parameter("source_task_id", TEXT),
            Parameter("source_run_id", TEXT),
            Parameter("source_map_index", INTEGER),
        ),
    ),
    Endpoint(
        "POST",
        "/datasets/events",
        "create_dataset_event",
        "Dataset",
        "Note a change of a dataset, so that what waits for it runs",
        create_dataset_event,
        EVENT,
        form=NEW_EVENT,
        role=Role.OPERATOR,
    ),
    Endpoint(
        "GET",
        f"{_OF_DAG}/{{uri:path}}",
        "get_dag_dataset_queued_event",
        "Dataset",
        "Show what is queued for a DAG of a dataset",
        get_queued_event,
        QUEUED,
        _BEFORE,
    ),
    Endpoint(
        "DELETE",
        f"{_OF_DAG}/{{uri:path}}",
        "delete_dag_dataset_queued_event",
        "Dataset",
        "Take what is queued for a DAG of a dataset out of the queue",
        delete_queued_events,
        parameters=_BEFORE,
        role=Role.OPERATOR,
    ),
    *(
        endpoint
        for path, name in _QUEUES
        for endpoint in (
            Endpoint(
                "GET",
                path,
                f"get_{name}",
                "Dataset",
                "List what is queued",
                get_queued_events,
                ALL_QUEUED,
                _BEFORE,
            ),
            Endpoint(
                "DELETE",
                path,
                f"delete_{name}",
                "Dataset",
                "Take what is queued out of the queue",
                delete_queued_events,
                parameters=_BEFORE,
                role=Role.OPERATOR,
            ),
        )
    ),
    Endpoint(
        "GET",
        "/datasets/{uri:path}",
        "get_dataset",
        "Dataset",
        "Show a dataset",
        get_dataset,
        DATASET,
    ),
    Endpoint(
        "GET",
        "/dags/{dag_id}/dagRuns/{dag_run_id}/upstreamDatasetEvents",
        "get_upstream_dataset_events",
        "DAGRun",
        "List the changes of datasets that a run was made for",
        get_upstream_dataset_events,
        EVENTS,
    ),
)
