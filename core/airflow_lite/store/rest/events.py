"""What happened to task instances, as their history has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store.rest.paging import (
    Page,
    Range,
    Window,
    any_of,
    first,
    ordered,
    page,
    within,
)
from airflow_lite.store.schema import dag_run, task_event

if TYPE_CHECKING:
    from collections.abc import Sequence

_event = task_event.c
#: What changes no task instance, such as that a DAG was paused; a change to no state is a clear.
_NAME = sa.case(
    (_event.task_instance_id == 0, "action"), else_=sa.func.coalesce(_event.to_state, "cleared")
).label("event")
#: What events can be ordered by.
ORDER: dict[str, sa.ColumnElement[Any]] = {
    "event_log_id": _event.id,
    "when": _event.at_us,
    "dag_id": dag_run.c.dag_id,
    "task_id": _event.task_id,
    "run_id": dag_run.c.run_id,
    "event": _NAME,
    "execution_date": dag_run.c.logical_us,
    "owner": _event.actor,
    "extra": _event.cause,
}


class EventFilter(NamedTuple):
    """Which events are asked for; None: whatever they have."""

    dag_id: str | None = None
    task_id: str | None = None
    run_id: str | None = None
    map_index: int | None = None
    try_number: int | None = None
    actor: str | None = None
    event: str | None = None
    at_us: Range | None = None
    included: Sequence[str] | None = None
    excluded: Sequence[str] | None = None


def events(
    connection: sa.Connection, chosen: EventFilter, window: Window, order_by: str = "event_log_id"
) -> Page:
    """Return a page of events with `dag_id`, `run_id` and `logical_us` of their runs.

    These are None where the run was deleted. `KeyError` for an order that is none of `ORDER`.
    """
    columns = (
        (dag_run.c.dag_id, chosen.dag_id),
        (_event.task_id, chosen.task_id),
        (dag_run.c.run_id, chosen.run_id),
        (_event.map_index, chosen.map_index),
        (_event.try_number, chosen.try_number),
        (_event.actor, chosen.actor),
        (_NAME, chosen.event),
    )
    query = _with_runs()
    for column, value in columns:
        if value is not None:
            query = query.where(column == value)
    query = any_of(within(query, _event.at_us, chosen.at_us), _NAME, chosen.included)
    if chosen.excluded:
        query = query.where(_NAME.not_in(chosen.excluded))
    return page(connection, query, window, ordered(ORDER, order_by, _event.id))


def event(connection: sa.Connection, event_id: int) -> dict[str, Any] | None:
    """Return one event as `events` does; None if there is none."""
    return first(connection, _with_runs().where(_event.id == event_id))


def _with_runs() -> sa.Select[Any]:
    run = (dag_run.c.dag_id, dag_run.c.run_id, dag_run.c.run_type, dag_run.c.logical_us)
    joined = task_event.outerjoin(dag_run, dag_run.c.id == _event.dag_run_id)
    return sa.select(task_event, _NAME, *run).select_from(joined)
