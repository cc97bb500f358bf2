"""Changes of datasets as a scheduler takes them: what is queued, and what a run is made for.

A DAG's queue has a row for each event, which goes when a run is made for it: what comes while a run
is made is in the queue for the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.states import DagRunType
from airflow_lite.store.batches import is_one_of, run_many, select_many
from airflow_lite.store.schema import (
    dag_run,
    dataset,
    dataset_alias,
    dataset_consumption,
    dataset_event,
    dataset_queue,
    dataset_use,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Events that came while a DAG was paused are a part of its next run: so many of them, the newest.
MOST_EARLIER = 1_000

_event = dataset_event.c
_QUEUED = (
    sa.select(dataset_queue.c.dag_id, _event.id, _event.at_us, dataset.c.uri)
    .select_from(dataset_queue)
    .join(dataset_event, _event.id == dataset_queue.c.event_id)
    .join(dataset, dataset.c.id == _event.dataset_id)
    .where(is_one_of(dataset_queue.c.dag_id))
)
_LINKED = (
    sa.select(dataset_alias.c.alias, dataset.c.uri)
    .join(dataset, dataset.c.id == dataset_alias.c.dataset_id)
    .where(is_one_of(dataset_alias.c.alias))
)


class QueuedEvent(NamedTuple):
    """A change of a dataset that a DAG has no run for yet."""

    dag_id: str
    id: int
    at_us: int
    uri: str


def queued(connection: sa.Connection, dag_ids: Iterable[str]) -> list[QueuedEvent]:
    """Return what is queued for these DAGs."""
    return [QueuedEvent(*row) for row in select_many(connection, _QUEUED, dag_ids)]


def linked(connection: sa.Connection, aliases: Iterable[str]) -> dict[str, set[str]]:
    """Return the URIs of the datasets that are linked to these aliases."""
    found: dict[str, set[str]] = {}
    for alias, uri in select_many(connection, _LINKED, aliases):
        found.setdefault(alias, set()).add(uri)
    return found


class Span(NamedTuple):
    """An event that a run is made for, and the data interval of the run that it comes from."""

    id: int
    start_us: int
    end_us: int


_SPAN = (
    sa.select(
        _event.id,
        sa.func.coalesce(dag_run.c.interval_start_us, _event.at_us),
        sa.func.coalesce(dag_run.c.interval_end_us, _event.at_us),
    )
    .select_from(dataset_event)
    .outerjoin(
        dag_run,
        (dag_run.c.dag_id == _event.source_dag_id) & (dag_run.c.run_id == _event.source_run_id),
    )
)
_SPANS = _SPAN.where(is_one_of(_event.id))
_of_dag = dataset_use.c.dag_id == sa.bindparam("of_dag")
_of_schedule = sa.and_(_of_dag, dataset_use.c.task_id.is_(None))
_WAITED_FOR = sa.or_(
    _event.dataset_id.in_(sa.select(dataset_use.c.dataset_id).where(_of_schedule)),
    _event.dataset_id.in_(
        sa.select(dataset_alias.c.dataset_id)
        .join(dataset_use, dataset_use.c.alias == dataset_alias.c.alias)
        .where(_of_schedule)
    ),
)
_UNQUEUED = ~sa.exists().where(
    dataset_queue.c.event_id == _event.id, dataset_queue.c.dag_id == sa.bindparam("of_dag")
)
_EARLIER = (
    _SPAN.where(
        _WAITED_FOR,
        _UNQUEUED,
        _event.at_us > sa.bindparam("after_us"),
        _event.at_us <= sa.bindparam("until_us"),
    )
    .order_by(_event.at_us.desc())
    .limit(MOST_EARLIER)
)


def last_triggered_us(connection: sa.Connection, dag_id: str) -> int | None:
    """Return the logical date of the newest run of a DAG that datasets triggered."""
    query = sa.select(sa.func.max(dag_run.c.logical_us)).where(
        dag_run.c.dag_id == dag_id, dag_run.c.run_type == DagRunType.DATASET_TRIGGERED
    )
    found: int | None = connection.execute(query).scalar()
    return found


def spans(
    connection: sa.Connection,
    dag_id: str,
    event_ids: Sequence[int],
    *,
    after_us: int | None,
    until_us: int,
) -> list[Span]:
    """Return these events, and those that came between these moments while the DAG was paused."""
    found = select_many(connection, _SPANS, event_ids)
    since = {"of_dag": dag_id, "after_us": -1 if after_us is None else after_us}
    found += connection.execute(_EARLIER, {**since, "until_us": until_us})
    return [Span(*row) for row in found]


_CONSUME = dataset_consumption.insert().values(
    dag_run_id=sa.bindparam("run"), event_id=sa.bindparam("event")
)
_UNQUEUE = dataset_queue.delete().where(
    dataset_queue.c.dag_id == sa.bindparam("of_dag"),
    dataset_queue.c.event_id == sa.bindparam("event"),
)


def consume(
    connection: sa.Connection, dag_id: str, run_row_id: int, all_spans: Iterable[Span]
) -> None:
    """Note what a run was made for, and take it from the DAG's queue."""
    rows: list[dict[str, Any]] = [
        {"of_dag": dag_id, "run": run_row_id, "event": span.id} for span in all_spans
    ]
    run_many(connection, _CONSUME, rows)
    run_many(connection, _UNQUEUE, rows)
