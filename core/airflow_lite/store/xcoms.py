"""XComs as tasks pull them: JSON texts by DAG run, task, map index and key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam

from airflow_lite.store.schema import dag_run, xcom
from airflow_lite.store.test_runs import IS_NO_TEST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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
    dag_run_id: int


def get(connection: sa.Connection, query: XComQuery) -> list[StoredXCom]:
    """Return the XComs of a query: those of the newest run first, in a run the last pushed.

    For one value the last pushed alone.
    """
    statement = (
        sa.select(*(xcom.c[name] for name in StoredXCom._fields))
        .join(dag_run, dag_run.c.id == xcom.c.dag_run_id)
        .where(dag_run.c.dag_id == query.dag_id, *_conditions(query))
        .order_by(
            dag_run.c.logical_us.desc(),
            xcom.c.at_us.desc(),
            *(xcom.c.task_id, xcom.c.map_index, xcom.c.key),  # where a clock went back
        )
    )
    if query.is_single:
        statement = statement.limit(1)
    return [StoredXCom(*row) for row in connection.execute(statement)]


def of_task(
    connection: sa.Connection, dag_run_id: int, task_id: str, map_index: int | None = None
) -> Sequence[sa.RowMapping]:
    """Return the XComs that a task pushed in a run, by map index and key; None: of every index.

    Each has `map_index, key, value, at_us`; `value` is JSON text.
    """
    query = sa.select(xcom.c.map_index, xcom.c.key, xcom.c.value, xcom.c.at_us).where(
        xcom.c.dag_run_id == dag_run_id, xcom.c.task_id == task_id
    )
    if map_index is not None:
        query = query.where(xcom.c.map_index == map_index)
    return connection.execute(query.order_by(xcom.c.map_index, xcom.c.key)).mappings().all()


#: Characters after which a page of values ends, if it has one.
PAGE_SIZE = 1 << 18
_OF_MAPPED = (
    xcom.c.dag_run_id == bindparam("run"),
    xcom.c.task_id == bindparam("task"),
    xcom.c.key == bindparam("name"),
    xcom.c.map_index >= 0,
)
_COUNT_MAPPED = sa.select(sa.func.count()).where(*_OF_MAPPED)


def _page_of(order: Callable[[Any], Any]) -> sa.Select[tuple[str, int]]:
    rows = (
        sa.select(xcom.c.map_index, xcom.c.value)
        .where(*_OF_MAPPED)
        .order_by(order(xcom.c.map_index))
        .limit(bindparam("most"))
        .offset(bindparam("first"))
        .subquery()
    )
    size = sa.func.length(rows.c.value)
    sizes = sa.func.sum(size).over(order_by=order(rows.c.map_index))
    found = sa.func.count().over()
    sized = sa.select(rows, (sizes - size).label("before"), found.label("found")).subquery()
    return (
        sa.select(sized.c.value, sized.c.found)
        .where(sized.c.before < PAGE_SIZE)
        .order_by(order(sized.c.map_index))
    )


_MAPPED_PAGE, _LAST_MAPPED_PAGE = _page_of(sa.asc), _page_of(sa.desc)


def count_mapped(connection: sa.Connection, dag_run_id: int, task_id: str, key: str) -> int:
    """Return how many values the instances of a mapped task pushed under a key in a run."""
    values = {"run": dag_run_id, "task": task_id, "name": key}
    return int(connection.execute(_COUNT_MAPPED, values).scalar_one())


def mapped_page(
    connection: sa.Connection,
    dag_run_id: int,
    task_id: str,
    key: str,
    *,
    first: int,
    most: int,
    last_first: bool = False,
) -> tuple[list[str], bool]:
    """Return a page of these values as JSON texts, and whether there are none after them.

    From the place `first` on in the order of map indexes, or with `last_first` from the end; no
    more than `most`, nor than `PAGE_SIZE` characters but for the last of them.
    """
    values = {"run": dag_run_id, "task": task_id, "name": key, "first": first, "most": most}
    statement = _LAST_MAPPED_PAGE if last_first else _MAPPED_PAGE
    rows = connection.execute(statement, values).all()
    return [row.value for row in rows], not rows or len(rows) == rows[0].found < most


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
