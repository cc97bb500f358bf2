"""Datasets, their changes, and what is queued of these for DAGs that wait."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store import doorbell
from airflow_lite.store.batches import is_one_of, select_many
from airflow_lite.store.rest.paging import Page, Window, first, ordered, page
from airflow_lite.store.schema import (
    dag,
    dag_run,
    dataset,
    dataset_alias,
    dataset_consumption,
    dataset_event,
    dataset_queue,
    dataset_use,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_event, _use, _queue = dataset_event.c, dataset_use.c, dataset_queue.c
#: What datasets and their events can be ordered by.
ORDER: dict[str, sa.ColumnElement[Any]] = {
    "id": dataset.c.id,
    "uri": dataset.c.uri,
    "created_at": dataset.c.created_us,
    "updated_at": dataset.c.updated_us,
}
EVENT_ORDER: dict[str, sa.ColumnElement[Any]] = {
    "timestamp": _event.at_us,
    "source_dag_id": _event.source_dag_id,
    "source_task_id": _event.source_task_id,
    "source_run_id": _event.source_run_id,
    "source_map_index": _event.source_map_index,
}
_EVENTS = sa.select(dataset_event, dataset.c.uri).join(dataset, dataset.c.id == _event.dataset_id)
_USES = (
    sa.select(_use.dataset_id, _use.dag_id, _use.task_id)
    .join(dag, (dag.c.dag_id == _use.dag_id) & dag.c.is_active)
    .where(is_one_of(_use.dataset_id))
    .order_by(_use.dag_id, _use.task_id)
)
_ALIASES = sa.select(dataset_alias.c.dataset_id, dataset_alias.c.alias).where(
    is_one_of(dataset_alias.c.dataset_id)
)
_RUNS = (
    sa.select(dataset_consumption.c.event_id, dag_run)
    .join(dag_run, dag_run.c.id == dataset_consumption.c.dag_run_id)
    .where(is_one_of(dataset_consumption.c.event_id))
    .order_by(dag_run.c.id)
)


class EventFilter(NamedTuple):
    """Which changes are asked for; None: whatever they have."""

    dataset_id: int | None = None
    dag_id: str | None = None
    task_id: str | None = None
    run_id: str | None = None
    map_index: int | None = None


def datasets(
    connection: sa.Connection,
    window: Window,
    order_by: str = "id",
    *,
    pattern: str | None = None,
    dag_ids: Sequence[str] | None = None,
) -> Page:
    """Return a page of datasets, each with its `uses` (DAG and task ids) and its `aliases`.

    `pattern` is part of the URI in whatever case; with `dag_ids` those that one of these uses.
    Raises `KeyError` for an order that is none of `ORDER`.
    """
    query = sa.select(dataset)
    if pattern:
        query = query.where(dataset.c.uri.ilike(f"%{pattern}%"))
    if dag_ids is not None:
        used = sa.select(_use.dataset_id).where(_use.dag_id.in_(list(dag_ids)))
        query = query.where(dataset.c.id.in_(used))
    found = page(connection, query, window, ordered(ORDER, order_by, dataset.c.id))
    return Page(_with_uses(connection, found.rows), found.total)


def dataset_of(connection: sa.Connection, uri: str) -> dict[str, Any] | None:
    """Return a dataset as `datasets` does; None if there is none."""
    row = first(connection, sa.select(dataset).where(dataset.c.uri == uri))
    return None if row is None else _with_uses(connection, [row])[0]


def _with_uses(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    uses: dict[int, list[tuple[str, str | None]]] = {row["id"]: [] for row in rows}
    aliases: dict[int, list[str]] = {row["id"]: [] for row in rows}
    for dataset_id, dag_id, task_id in select_many(connection, _USES, uses):
        uses[dataset_id].append((dag_id, task_id))
    for dataset_id, alias in select_many(connection, _ALIASES, uses):
        aliases[dataset_id].append(alias)
    return [{**row, "uses": uses[row["id"]], "aliases": aliases[row["id"]]} for row in rows]


def events(
    connection: sa.Connection, chosen: EventFilter, window: Window, order_by: str = "timestamp"
) -> Page:
    """Return a page of changes with the dataset's `uri`, and the `runs` that were made for each.

    Raises `KeyError` for an order that is none of `EVENT_ORDER`.
    """
    columns = (
        _event.dataset_id,
        _event.source_dag_id,
        _event.source_task_id,
        _event.source_run_id,
        _event.source_map_index,
    )
    query = _EVENTS
    for column, value in zip(columns, chosen, strict=True):
        if value is not None:
            query = query.where(column == value)
    found = page(connection, query, window, ordered(EVENT_ORDER, order_by, _event.id))
    return Page(_with_runs(connection, found.rows), found.total)


def events_of_run(connection: sa.Connection, run_row_id: int) -> list[dict[str, Any]]:
    """Return the changes that a run was made for, as `events` does."""
    mine = sa.select(dataset_consumption.c.event_id).where(
        dataset_consumption.c.dag_run_id == run_row_id
    )
    rows = connection.execute(_EVENTS.where(_event.id.in_(mine)).order_by(_event.id)).mappings()
    return _with_runs(connection, [dict(row) for row in rows])


def _with_runs(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    runs: dict[int, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
    for row in select_many(connection, _RUNS, runs):
        runs[row.event_id].append(row._asdict())
    return [{**row, "runs": runs[row["id"]]} for row in rows]


def add_event(
    connection: sa.Connection, uri: str, extra: dict[str, Any], *, now_us: int
) -> dict[str, Any] | None:
    """Note a change of a dataset that no task made, and queue it for the DAGs that wait for it.

    For those that are paused nothing is queued. None if there is no such dataset.
    """
    query = sa.select(dataset.c.id).where(dataset.c.uri == uri)
    dataset_id = connection.execute(query).scalar()
    if dataset_id is None:
        return None
    row = {"dataset_id": dataset_id, "extra": json.dumps(extra), "at_us": now_us}
    insert = dataset_event.insert().values(**row, source_map_index=-1)
    made = connection.execute(insert).inserted_primary_key
    assert made is not None
    through = sa.select(dataset_alias.c.alias).where(dataset_alias.c.dataset_id == dataset_id)
    waiting = (
        sa.select(_use.dag_id, sa.literal(made[0]))
        .join(dag, dag.c.dag_id == _use.dag_id)
        .where(
            sa.or_(_use.dataset_id == dataset_id, _use.alias.in_(through)),
            _use.task_id.is_(None),
            dag.c.is_active,
            sa.not_(dag.c.is_paused),
        )
    )
    connection.execute(
        dataset_queue.insert().from_select(["dag_id", "event_id"], waiting.distinct())
    )
    doorbell.ring(connection, datasets=True)
    event = first(connection, _EVENTS.where(_event.id == made[0]))
    assert event is not None
    return {**event, "runs": []}


def queued(
    connection: sa.Connection, *, dag_id: str | None, uri: str | None, before_us: int | None
) -> list[dict[str, Any]]:
    """Return what is queued, a row for each DAG and dataset, with when it came first."""
    query = (
        sa.select(_queue.dag_id, dataset.c.uri, sa.func.min(_event.at_us).label("at_us"))
        .join(dataset_event, _event.id == _queue.event_id)
        .join(dataset, dataset.c.id == _event.dataset_id)
        .where(*_chosen(dag_id, uri, before_us))
        .group_by(_queue.dag_id, dataset.c.uri)
        .order_by(_queue.dag_id, dataset.c.uri)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def delete_queued(
    connection: sa.Connection, *, dag_id: str | None, uri: str | None, before_us: int | None
) -> int:
    """Take changes out of the queue, of which no run will be made then; return how many."""
    conditions = _chosen(None, uri, before_us)
    of_events = sa.select(_event.id).join(dataset, dataset.c.id == _event.dataset_id)
    delete = dataset_queue.delete().where(_queue.event_id.in_(of_events.where(*conditions)))
    if dag_id is not None:
        delete = delete.where(_queue.dag_id == dag_id)
    return connection.execute(delete).rowcount


def _chosen(
    dag_id: str | None, uri: str | None, before_us: int | None
) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if dag_id is not None:
        conditions.append(_queue.dag_id == dag_id)
    if uri is not None:
        conditions.append(dataset.c.uri == uri)
    if before_us is not None:
        conditions.append(_event.at_us < before_us)
    return conditions
