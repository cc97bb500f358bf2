"""DAGs as the scheduler knows them: listed, paused, deleted; and how many runs they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.errors import UserError
from airflow_lite.spec.timetable import schedule_interval
from airflow_lite.store import doorbell, edits, listing
from airflow_lite.store.rest import dags as pages
from airflow_lite.store.rest.dags import DagFilter
from airflow_lite.store.rest.paging import Page, Window
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import (
    FIELDS,
    ORDER_BY,
    PAGE,
    UPDATE_MASK,
    Endpoint,
    Parameter,
    several,
)
from airflow_lite_web.api.forms import Form, Input
from airflow_lite_web.api.problems import AlreadyExists, BadRequest
from airflow_lite_web.api.records import (
    Field,
    Listing,
    Record,
    always,
    flag,
    moment,
    nested_list,
    number,
    text,
)
from airflow_lite_web.api.resources.files import path_of, token_of
from airflow_lite_web.api.types import BOOLEAN, OBJECT, TEXT, TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import sqlalchemy as sa

    from airflow_lite_web.api.endpoints import Call

TAG = Record("Tag", {"name": text(is_nullable=False)})
DAG_FIELDS = {
    "dag_id": text(is_nullable=False),
    "dag_display_name": text(lambda dag: dag["display_name"] or dag["dag_id"]),
    "root_dag_id": always(TEXT),
    "is_paused": flag(),
    "is_active": flag(),
    "is_subdag": always(BOOLEAN, False),
    "last_parsed_time": moment("last_parsed_us"),
    "last_pickled": moment("last_pickled_us"),
    "last_expired": always(TEXT),
    "scheduler_lock": always(BOOLEAN),
    "pickle_id": text(lambda dag: None if dag["pickle_id"] is None else str(dag["pickle_id"])),
    "default_view": always(TEXT, "grid"),
    "fileloc": text(is_nullable=False),
    "file_token": text(is_nullable=False),
    "owners": Field(TEXTS, lambda dag: [name.strip() for name in (dag["owners"] or "").split(",")]),
    "description": text(),
    "schedule_interval": Field(OBJECT, lambda dag: schedule_interval(dag["schedule_spec"])),
    "timetable_description": text(),
    "tags": nested_list(TAG, lambda dag: [{"name": str(tag)} for tag in dag["tags"]]),
    "max_active_tasks": number(),
    "max_active_runs": number(),
    "max_consecutive_failed_dag_runs": number(
        lambda dag: dag["max_consecutive_failed_dag_runs"] or 0
    ),
    "has_task_concurrency_limits": flag("has_task_limits"),
    "has_import_errors": flag(),
    "next_dagrun": moment("next_logical_us"),
    "next_dagrun_data_interval_start": moment("next_interval_start_us"),
    "next_dagrun_data_interval_end": moment("next_interval_end_us"),
    "next_dagrun_create_after": moment("next_create_after_us"),
}
DAG = Record("DAG", DAG_FIELDS)
DAGS = Listing("DAGCollection", "dags", DAG)
CHANGE = Form(
    "DAGChange",
    {"is_paused": Input(BOOLEAN, is_required=True)},
    frozenset(DAG_FIELDS) - {"is_paused"},
)
STATE_COUNT = Record("DagStatsStateCollectionItem", {"state": text(), "count": number()})
STATS = Record("DagStatsCollectionItem", {"dag_id": text(), "stats": nested_list(STATE_COUNT)})
ALL_STATS = Listing("DagStatsCollectionSchema", "dags", STATS)
FILTERS = (
    several("tags"),
    Parameter("only_active", BOOLEAN, default=True),
    Parameter("dag_id_pattern", TEXT),
)
#: Of all DAGs, in the place of an id or a part of one.
ALL = "~"
_RUN_STATES = ("queued", "running", "success", "failed")


def shown(call: Call, dag: dict[str, Any]) -> dict[str, Any]:
    """Return a DAG of the store with the path of its file, and the token of that."""
    location = dag["fileloc"]
    return {**dag, "fileloc": path_of(call.config, location), "file_token": token_of(location)}


def _window(call: Call) -> Window:
    return Window(call["limit"], call["offset"])


def get_dags(call: Call) -> Page:
    """Return a page of DAGs."""
    with call.store.read() as connection:
        return _page(call, connection, call["order_by"] or "dag_id")


def _page(call: Call, connection: sa.Connection, order_by: str) -> Page:
    chosen = DagFilter(
        is_active=call["only_active"] or None,
        is_paused=call["paused"],
        pattern=None if call["dag_id_pattern"] == ALL else call["dag_id_pattern"],
        tags=call["tags"],
    )
    found = pages.dags(connection, chosen, _window(call), in_order(order_by, pages.ORDER))
    return Page([shown(call, dag) for dag in found.rows], found.total)


def in_order(order_by: str, known: Iterable[str]) -> str:
    """Return what to order by; raise `BadRequest` if it is nothing that one can order by."""
    names = list(known)
    if order_by.removeprefix("-") not in names:
        raise BadRequest(
            f"Nothing is ordered by {order_by[:60]!r}. Order by {', '.join(names)}, the largest"
            " first with a '-' before it."
        )
    return order_by


def get_dag(call: Call) -> dict[str, Any]:
    """Return one DAG."""
    with call.store.read() as connection:
        return shown(call, listing.the_dag(connection, call["dag_id"]))


def patch_dag(call: Call) -> dict[str, Any]:
    """Pause a DAG or let it go on."""
    _check_mask(call)
    with call.store.begin() as connection:
        listing.the_dag(connection, call["dag_id"])
        _pause(call, connection, [call["dag_id"]], is_paused=call.body["is_paused"])
        return shown(call, listing.the_dag(connection, call["dag_id"]))


def patch_dags(call: Call) -> Page:
    """Pause a page of DAGs or let them go on."""
    _check_mask(call)
    with call.store.begin() as connection:
        found = _page(call, connection, "dag_id")
        is_paused = call.body["is_paused"]
        ids = [dag["dag_id"] for dag in found.rows]
        _pause(call, connection, ids, is_paused=is_paused)
        return Page([{**dag, "is_paused": is_paused} for dag in found.rows], found.total)


def _check_mask(call: Call) -> None:
    mask = call["update_mask"]
    if mask is not None and mask != ["is_paused"]:
        raise BadRequest("Only 'is_paused' can be changed. Leave the others out of update_mask.")


def _pause(call: Call, connection: sa.Connection, ids: list[str], *, is_paused: bool) -> None:
    if edits.set_paused(connection, ids, paused=is_paused):
        act, more = "paused" if is_paused else "unpaused", f" and {len(ids) - 1} more"
        call.note(connection, f"{act} DAG {ids[0]}{more if len(ids) > 1 else ''}")
    doorbell.ring(connection)


def delete_dag(call: Call) -> None:
    """Delete all records of a DAG."""
    with call.store.begin() as connection:
        listing.the_dag(connection, call["dag_id"])
        try:
            edits.delete_dag(connection, call["dag_id"])
        except UserError as error:
            raise AlreadyExists(str(error)) from None
        call.note(connection, f"deleted DAG {call['dag_id']}")
        doorbell.ring(connection)


def get_dag_stats(call: Call) -> Page:
    """Return how many runs these DAGs have, by state."""
    with call.store.read() as connection:
        counts = pages.run_counts(connection, call["dag_ids"])
    rows = [
        {
            "dag_id": dag_id,
            "stats": [{"state": state, "count": of.get(state, 0)} for state in _RUN_STATES],
        }
        for dag_id, of in counts.items()
    ]
    return Page(rows, len(rows))


ENDPOINTS = (
    Endpoint(
        "GET", "/dags", "get_dags", "DAG", "List DAGs", get_dags, DAGS,
        (*PAGE, ORDER_BY, FIELDS, *FILTERS, Parameter("paused", BOOLEAN)),
    ),
    Endpoint(
        "PATCH", "/dags", "patch_dags", "DAG", "Pause DAGs, or let them go on", patch_dags, DAGS,
        (*PAGE, UPDATE_MASK, *FILTERS), CHANGE, Role.OPERATOR,
    ),
    Endpoint("GET", "/dags/{dag_id}", "get_dag", "DAG", "Show a DAG", get_dag, DAG, (FIELDS,)),
    Endpoint(
        "PATCH", "/dags/{dag_id}", "patch_dag", "DAG", "Pause a DAG, or let it go on", patch_dag,
        DAG, (UPDATE_MASK,), CHANGE, Role.OPERATOR,
    ),
    Endpoint(
        "DELETE", "/dags/{dag_id}", "delete_dag", "DAG", "Delete all records of a DAG", delete_dag,
        role=Role.ADMIN,
    ),
    Endpoint(
        "GET", "/dagStats", "get_dag_stats", "DagStats", "Count the runs of DAGs by state",
        get_dag_stats, ALL_STATS, (Parameter("dag_ids", TEXT, is_list=True, is_required=True),),
    ),
)  # fmt: skip
