"""Datasets as the command line shows them: who makes and awaits them, and what changed them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from airflow_lite.errors import DatasetNotFound
from airflow_lite.store.schema import (
    dag,
    dataset,
    dataset_alias,
    dataset_event,
    dataset_queue,
    dataset_use,
)

_event = dataset_event.c


@dataclass
class StoredDataset:
    """A dataset with what names it: `producing` has DAG and task ids, `consuming` DAG ids."""

    id: int
    uri: str
    extra: dict[str, Any]
    created_us: int
    updated_us: int
    event_count: int
    last_event_us: int | None
    producing: list[tuple[str, str]] = field(default_factory=list)
    consuming: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)


def datasets(connection: sa.Connection, uri: str | None = None) -> list[StoredDataset]:
    """Return the datasets by URI, or the one of that URI; DAGs that no file has do not count."""
    is_wanted = sa.true() if uri is None else dataset.c.uri == uri
    columns = [dataset.c[name] for name in ("id", "uri", "extra", "created_us", "updated_us")]
    of_events = sa.func.count(_event.id), sa.func.max(_event.at_us)
    of_dataset = (
        sa.select(*columns, *of_events)
        .outerjoin(dataset_event, _event.dataset_id == dataset.c.id)
        .where(is_wanted)
        .group_by(*columns)
        .order_by(dataset.c.uri)
    )
    found = {}
    for row_id, name, extra, *rest in connection.execute(of_dataset):
        found[row_id] = StoredDataset(row_id, name, json.loads(extra), *rest)
    wanted = sa.select(dataset.c.id).where(is_wanted)
    for query in (_USES, _USES_BY_ALIAS):
        of_these = query.where(query.selected_columns[0].in_(wanted))
        for dataset_id, dag_id, task_id in connection.execute(of_these):
            _add_use(found[dataset_id], dag_id, task_id)
    links = sa.select(dataset_alias).where(dataset_alias.c.dataset_id.in_(wanted))
    for alias, dataset_id in connection.execute(links.order_by(dataset_alias.c.alias)):
        found[dataset_id].aliases.append(alias)
    return list(found.values())


_use = dataset_use.c
_ACTIVE = (dag.c.dag_id == _use.dag_id) & dag.c.is_active
_BY_NAME = (_use.dag_id, sa.func.coalesce(_use.task_id, ""))
_USES = sa.select(_use.dataset_id, _use.dag_id, _use.task_id).join(dag, _ACTIVE).order_by(*_BY_NAME)
_USES_BY_ALIAS = (
    sa.select(dataset_alias.c.dataset_id, _use.dag_id, _use.task_id)
    .join(dataset_alias, dataset_alias.c.alias == _use.alias)
    .join(dag, _ACTIVE)
    .order_by(*_BY_NAME)
)


def _add_use(row: StoredDataset, dag_id: str, task_id: str | None) -> None:
    if task_id is not None and (dag_id, task_id) not in row.producing:
        row.producing.append((dag_id, task_id))
    elif task_id is None and dag_id not in row.consuming:
        row.consuming.append(dag_id)


def the_dataset(connection: sa.Connection, uri: str) -> StoredDataset:
    """Return the dataset of a URI; raise `DatasetNotFound`."""
    found = datasets(connection, uri)
    if not found:
        raise DatasetNotFound(
            f"There is no dataset {uri[:200]!r}. List them with `airflow-lite datasets list`."
        )
    return found[0]


def queued_dags(connection: sa.Connection, dataset_id: int) -> list[str]:
    """Return the DAGs for which a change of a dataset is queued: they wait for others."""
    query = (
        sa.select(dataset_queue.c.dag_id)
        .join(dataset_event, _event.id == dataset_queue.c.event_id)
        .where(_event.dataset_id == dataset_id)
    )
    return list(connection.execute(query.distinct().order_by(dataset_queue.c.dag_id)).scalars())
