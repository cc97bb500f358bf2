"""XComs: JSON texts by DAG run, task, map index and key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store.batches import run_many, upsert_many
from airflow_lite.store.schema import dag_run, xcom

if TYPE_CHECKING:
    from collections.abc import Sequence


class XComValue(NamedTuple):
    """One XCom to write; `value` is JSON text."""

    dag_run_id: int
    task_id: str
    map_index: int
    key: str
    value: str


class XComQuery(NamedTuple):
    """Which XComs to read. None as `task_ids` or `map_indexes` is any."""

    dag_id: str
    run_id: str
    logical_us: int
    key: str | None
    task_ids: list[str] | None = None
    map_indexes: list[int] | None = None
    include_prior_dates: bool = False


class StoredXCom(NamedTuple):
    """One XCom that was read; `value` is JSON text."""

    task_id: str
    map_index: int
    key: str
    value: str


def put(connection: sa.Connection, values: Sequence[XComValue], now_us: int) -> None:
    """Write XComs over what is there under the same keys."""
    rows = [{**value._asdict(), "at_us": now_us} for value in values]
    upsert_many(connection, xcom, rows, changed=("value", "at_us"))


_CLEAR = xcom.delete().where(
    xcom.c.dag_run_id == sa.bindparam("run"),
    xcom.c.task_id == sa.bindparam("task"),
    xcom.c.map_index == sa.bindparam("index"),
)


def clear(connection: sa.Connection, owners: Sequence[tuple[int, str, int]]) -> None:
    """Delete every XCom of these (dag run row, task id, map index)."""
    rows = [{"run": run, "task": task, "index": index} for run, task, index in owners]
    run_many(connection, _CLEAR, rows)


def get(connection: sa.Connection, query: XComQuery) -> list[StoredXCom]:
    """Return the XComs of a query; of several runs, those of the newest for each task and index."""
    statement = (
        sa.select(xcom.c.task_id, xcom.c.map_index, xcom.c.key, xcom.c.value, dag_run.c.logical_us)
        .join(dag_run, dag_run.c.id == xcom.c.dag_run_id)
        .where(dag_run.c.dag_id == query.dag_id, *_conditions(query))
        .order_by(dag_run.c.logical_us.desc(), xcom.c.task_id, xcom.c.map_index)
    )
    newest: dict[tuple[str, int, str], StoredXCom] = {}
    for task_id, map_index, key, value, _ in connection.execute(statement):
        newest.setdefault((task_id, map_index, key), StoredXCom(task_id, map_index, key, value))
    return list(newest.values())


def _conditions(query: XComQuery) -> list[Any]:
    conditions: list[Any] = []
    if query.include_prior_dates:
        conditions.append(dag_run.c.logical_us <= query.logical_us)
    else:
        conditions.append(dag_run.c.run_id == query.run_id)
    if query.key is not None:
        conditions.append(xcom.c.key == query.key)
    if query.task_ids is not None:
        conditions.append(xcom.c.task_id.in_(query.task_ids))
    if query.map_indexes is not None:
        conditions.append(xcom.c.map_index.in_(query.map_indexes))
    return conditions
