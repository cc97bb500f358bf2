"""DAGs, and how many runs they have in which state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store.listing import dags_with_specs, fields_of_dag
from airflow_lite.store.rest.paging import Page, Window, any_of, ordered, page
from airflow_lite.store.schema import dag, dag_run

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What DAGs can be ordered by.
ORDER: dict[str, sa.ColumnElement[Any]] = {"dag_id": dag.c.dag_id}


class DagFilter(NamedTuple):
    """Which DAGs are asked for; None: whatever they have."""

    is_active: bool | None = None
    is_paused: bool | None = None
    #: Part of the id in whatever case, with % and _ as in SQL's LIKE.
    pattern: str | None = None
    #: Each has one of these tags.
    tags: Sequence[str] | None = None


def dags(
    connection: sa.Connection, chosen: DagFilter, window: Window, order_by: str = "dag_id"
) -> Page:
    """Return a page of DAGs, as `listing.dags` returns DAGs; `KeyError` for another order."""
    query = _filtered(dags_with_specs(), chosen)
    found = page(connection, query, window, ordered(ORDER, order_by, dag.c.dag_id))
    return Page([fields_of_dag(row) for row in found.rows], found.total)


def _filtered(query: sa.Select[Any], chosen: DagFilter) -> sa.Select[Any]:
    if chosen.is_active is not None:
        query = query.where(dag.c.is_active == chosen.is_active)
    if chosen.is_paused is not None:
        query = query.where(dag.c.is_paused == chosen.is_paused)
    if chosen.pattern:
        query = query.where(dag.c.dag_id.ilike(f"%{chosen.pattern}%"))
    if chosen.tags:
        query = query.where(sa.or_(*map(_has_tag, chosen.tags)))
    return query


def _has_tag(tag: str) -> sa.ColumnElement[bool]:
    """Return the condition that a DAG has a tag: its JSON, at the begin of the list or within.

    By what is left without it, since LIKE takes letters for others on SQLite.
    """
    text = json.dumps(tag)
    at = (f"[{text}", f", {text}")
    return sa.or_(*(sa.func.replace(dag.c.tags, part, "") != dag.c.tags for part in at))


def run_counts(connection: sa.Connection, dag_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return how many runs each of these DAGs has, by state, of those that are there."""
    query = any_of(sa.select(dag.c.dag_id).order_by(dag.c.dag_id), dag.c.dag_id, dag_ids)
    counts: dict[str, dict[str, int]] = {name: {} for name in connection.execute(query).scalars()}
    grouped = sa.select(dag_run.c.dag_id, dag_run.c.state, sa.func.count()).group_by(
        dag_run.c.dag_id, dag_run.c.state
    )
    for dag_id, state, count in connection.execute(any_of(grouped, dag_run.c.dag_id, dag_ids)):
        if dag_id in counts:
            counts[dag_id][state] = count
    return counts
