"""XComs: JSON texts by DAG run, task, map index and key."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store.batches import run_many, upsert_many
from airflow_lite.store.schema import dag_run, xcom
from airflow_lite.store.test_runs import IS_NO_TEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class XComValue(NamedTuple):
    """One XCom to write; `value` is JSON text."""

    dag_run_id: int
    task_id: str
    map_index: int
    key: str
    value: str


class XComQuery(NamedTuple):
    """Which XComs to read. None as `key`, `task_ids` or `map_indexes` is any.

    `is_single`: one value is wanted, of whatever was pushed last in the newest run.
    """

    dag_id: str
    run_id: str
    logical_us: int
    key: str | None
    task_ids: list[str] | None = None
    map_indexes: list[int] | None = None
    include_prior_dates: bool = False
    is_single: bool = False


class StoredXCom(NamedTuple):
    """One XCom that was read; `value` is JSON text."""

    task_id: str
    map_index: int
    key: str
    value: str


def put(connection: sa.Connection, values: Sequence[XComValue], now_us: int) -> None:
    """Write XComs, in the order in which they were pushed, over what is under the same keys."""
    # A microsecond apart, so that which came last is known of what is written at once, too.
    rows = [{**value._asdict(), "at_us": now_us + at} for at, value in enumerate(values)]
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
    """Return the XComs of a query: those of the newest run first, in a run the last pushed.

    For one value the last pushed alone; of a mapped task, that of each of its indexes.
    """
    columns = (xcom.c.task_id, xcom.c.map_index, xcom.c.key, xcom.c.value)
    statement = (
        sa.select(*columns, xcom.c.dag_run_id)
        .join(dag_run, dag_run.c.id == xcom.c.dag_run_id)
        .where(dag_run.c.dag_id == query.dag_id, *_conditions(query))
        .order_by(
            dag_run.c.logical_us.desc(),
            xcom.c.at_us.desc(),
            *(xcom.c.task_id, xcom.c.map_index, xcom.c.key),  # where a clock went back
        )
    )
    rows = iter(connection.execute(statement))
    return [StoredXCom(*row[:4]) for row in (_newest(rows) if query.is_single else rows)]


def _newest(rows: Iterator[Any]) -> Iterator[Any]:
    """Yield the first row, and those of its task's other indexes if it is mapped."""
    first = next(rows, None)
    if first is None:
        return
    yield first
    if first.map_index >= 0:
        of_run = takewhile(lambda row: row.dag_run_id == first.dag_run_id, rows)
        yield from (row for row in of_run if (row.task_id, row.key) == (first.task_id, first.key))


def _conditions(query: XComQuery) -> list[Any]:
    conditions: list[Any] = []
    if query.include_prior_dates:
        is_before = sa.and_(dag_run.c.logical_us <= query.logical_us, IS_NO_TEST)
        conditions.append(sa.or_(is_before, dag_run.c.run_id == query.run_id))
    else:
        conditions.append(dag_run.c.run_id == query.run_id)
    if query.key:  # as in Airflow, an empty one is any
        conditions.append(xcom.c.key == query.key)
    if query.task_ids is not None:
        conditions.append(xcom.c.task_id.in_(query.task_ids))
    if query.map_indexes is not None:
        conditions.append(xcom.c.map_index.in_(query.map_indexes))
    return conditions
