"""Where DAGs name datasets, as it is saved with their definitions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.spec.datasets import aliases_in, uris_in
from airflow_lite.store.batches import chunks, is_one_of, run_many, select_many, upsert_many
from airflow_lite.store.schema import dataset, dataset_use

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_lite.spec.model import DagSpec

_IDS = sa.select(dataset.c.uri, dataset.c.id).where(is_one_of(dataset.c.uri))
_USE = dataset_use.insert().values(
    {name: sa.bindparam(name) for name in ("dag_id", "task_id", "dataset_id", "alias")}
)


def save_uses(
    connection: sa.Connection, old: Sequence[str], specs: Sequence[DagSpec], now_us: int
) -> None:
    """Save which datasets these definitions name; `old`: DAGs that had another one before."""
    for ids in chunks(old):
        connection.execute(dataset_use.delete().where(dataset_use.c.dag_id.in_(ids)))
    uses = [use for spec in specs for use in _uses(spec)]
    if not uses:
        return
    extras = {uri: extra for spec in specs for uri, extra in spec.datasets.items()}
    rows = [
        {"uri": uri, "extra": json.dumps(extras[uri]), "created_us": now_us, "updated_us": now_us}
        for uri in sorted(extras)
    ]
    if rows:
        upsert_many(connection, dataset, rows, changed=("extra", "updated_us"), key=("uri",))
    found = select_many(connection, _IDS, extras)
    ids_of: dict[str | None, int] = {row.uri: row.id for row in found}
    named = [{**use, "dataset_id": ids_of.get(use["uri"])} for use in uses]
    run_many(connection, _USE, named)


def _uses(spec: DagSpec) -> Iterator[dict[str, Any]]:
    """Yield each dataset or alias that a task changes or, without a task, the schedule names."""
    expression = spec.schedule.datasets
    if expression is not None:
        yield from _rows(spec, None, dict.fromkeys(uris_in(expression)), aliases_in(expression))
    for task_id, task in spec.tasks.items():
        yield from _rows(spec, task_id, task.outlets, task.outlet_aliases)


def _rows(spec: DagSpec, task_id: str | None, uris: Any, aliases: Any) -> Iterator[dict[str, Any]]:
    common = {"dag_id": spec.dag_id, "task_id": task_id}
    for uri in uris:
        yield {**common, "uri": uri, "alias": None}
    for alias in dict.fromkeys(aliases):
        yield {**common, "uri": None, "alias": alias}
