"""Events of datasets, as tasks read them."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from airflow_lite.store.queued import StoredRun, stored_run
from airflow_lite.store.schema import (
    dag_run,
    dataset,
    dataset_consumption,
    dataset_event,
    dataset_event_alias,
)

#: Events that one question is answered with, at most; those that a run was made for.
MOST_EVENTS, MOST_CONSUMED = 500, 5_000

_event = dataset_event.c
_FIELDS = (
    _event.id,
    _event.dataset_id,
    dataset.c.uri,
    _event.extra,
    dataset.c.extra.label("dataset_extra"),
    *(_event[f"source_{name}"] for name in ("dag_id", "task_id", "run_id", "map_index")),
    _event.at_us,
)
_OF_RUN = [dag_run.c[name].label(f"run_{name}") for name in StoredRun.__slots__]
_EVENTS = sa.select(*_FIELDS, *_OF_RUN).select_from(
    dataset_event.join(dataset, dataset.c.id == _event.dataset_id).outerjoin(
        dag_run,
        (dag_run.c.dag_id == _event.source_dag_id) & (dag_run.c.run_id == _event.source_run_id),
    )
)


def page(  # as Airflow reads them: by their times
    connection: sa.Connection,
    uri: str | None,
    alias: str | None,
    first: int,
    most: int,
    is_newest_first: bool = False,  # noqa: FBT001, FBT002 - the fields of a question
) -> tuple[int, list[dict[str, Any]]]:
    """Return how many events a dataset has, or an alias, and those from `first` on.

    At most `most`, and no more than `MOST_EVENTS`. With none of them asked for, only the count is
    of use; with some it is 0.
    """
    if uri is not None:
        query = _EVENTS.where(dataset.c.uri == uri)
    else:
        through = sa.select(dataset_event_alias.c.event_id).where(
            dataset_event_alias.c.alias == alias
        )
        query = _EVENTS.where(_event.id.in_(through))
    if most <= 0:
        count = sa.select(sa.func.count()).select_from(
            query.with_only_columns(_event.id).subquery()
        )
        return int(connection.execute(count).scalar() or 0), []
    order = [_event.at_us, _event.id]
    query = query.order_by(*([part.desc() for part in order] if is_newest_first else order))
    rows = connection.execute(query.offset(max(first, 0)).limit(min(most, MOST_EVENTS)))
    return 0, [_fields(row) for row in rows]


def consumed(connection: sa.Connection, run_row_id: int) -> list[dict[str, Any]]:
    """Return the events that a run was made for, the oldest first; at most `MOST_CONSUMED`."""
    query = _EVENTS.join(
        dataset_consumption,
        (dataset_consumption.c.event_id == _event.id)
        & (dataset_consumption.c.dag_run_id == run_row_id),
    )
    rows = connection.execute(query.order_by(_event.at_us, _event.id).limit(MOST_CONSUMED))
    return [_fields(row) for row in rows]


def _fields(row: Any) -> dict[str, Any]:
    """Return an event as JSON holds it, with the fields of its source's run, if that is there."""
    fields = {column.name: getattr(row, column.name) for column in _FIELDS}
    for name in ("extra", "dataset_extra"):
        fields[name] = json.loads(fields[name])
    of_run = tuple(row)[len(_FIELDS) :]
    fields["source_run"] = None if of_run[0] is None else stored_run(of_run).fields()
    return fields
