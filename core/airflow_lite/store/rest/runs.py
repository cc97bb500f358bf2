"""DAG runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store.rest.paging import (
    Page,
    Range,
    Window,
    any_of,
    between,
    first,
    ordered,
    page_by_id,
    within,
)
from airflow_lite.store.schema import FINISHED_RUN, UNFINISHED_RUN, dag_run

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What runs can be ordered by.
ORDER: dict[str, sa.ColumnElement[Any]] = {
    "id": dag_run.c.id,
    "dag_id": dag_run.c.dag_id,
    "dag_run_id": dag_run.c.run_id,
    "state": dag_run.c.state,
    "execution_date": dag_run.c.logical_us,
    "start_date": dag_run.c.start_us,
    "end_date": dag_run.c.end_us,
    "external_trigger": dag_run.c.external_trigger,
    "conf": dag_run.c.conf,
}


class RunFilter(NamedTuple):
    """Which runs are asked for; None: whatever they have."""

    dag_ids: Sequence[str] | None = None
    states: Sequence[str] | None = None
    logical_us: Range | None = None
    start_us: Range | None = None
    end_us: Range | None = None
    #: When it last was queued, began or ended.
    changed_us: Range | None = None


def runs(
    connection: sa.Connection, chosen: RunFilter, window: Window, order_by: str = "id"
) -> Page:
    """Return a page of runs; raise `KeyError` for an order that is none of `ORDER`."""
    query = any_of(sa.select(dag_run), dag_run.c.dag_id, chosen.dag_ids)
    query = any_of(query, dag_run.c.state, chosen.states)
    query = within(query, dag_run.c.logical_us, chosen.logical_us)
    query = within(query, dag_run.c.start_us, chosen.start_us)
    query = within(query, dag_run.c.end_us, chosen.end_us)
    if chosen.changed_us is not None and any(each is not None for each in chosen.changed_us):
        query = query.where(_has_changed(chosen.changed_us))
    order = ordered(ORDER, order_by, dag_run.c.id)
    return page_by_id(connection, query, dag_run, window, order)


def _has_changed(bounds: Range) -> sa.ColumnElement[bool]:
    """Return the condition that a run last changed within bounds.

    As a union of ids: only so does SQLite take the indexes of both kinds of runs.
    """
    queued_us = dag_run.c.queued_us
    parts = (
        (UNFINISHED_RUN, sa.func.coalesce(dag_run.c.start_us, queued_us)),
        (FINISHED_RUN, sa.func.coalesce(dag_run.c.end_us, queued_us)),
    )
    ids = sa.select(dag_run.c.id).correlate(None)
    changed = (ids.where(state, between(moment, bounds)) for state, moment in parts)
    return dag_run.c.id.in_(sa.union_all(*changed))


def run(connection: sa.Connection, dag_id: str, run_id: str) -> dict[str, Any] | None:
    """Return a run; None if there is none of this id."""
    query = sa.select(dag_run).where(dag_run.c.dag_id == dag_id, dag_run.c.run_id == run_id)
    return first(connection, query)
