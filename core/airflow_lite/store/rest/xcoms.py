"""XComs."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store.rest.paging import Page, Window, first, page
from airflow_lite.store.schema import dag_run, xcom


class XComFilter(NamedTuple):
    """Which XComs are asked for; None: whatever they have."""

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    key: str | None = None


def xcoms(connection: sa.Connection, chosen: XComFilter, window: Window) -> Page:
    """Return a page of XComs, with `dag_id`, `run_id` and `logical_us` of their runs."""
    order = (dag_run.c.dag_id, xcom.c.task_id, dag_run.c.run_id, xcom.c.map_index, xcom.c.key)
    return page(connection, _query(chosen), window, order)


def xcom_of(connection: sa.Connection, chosen: XComFilter) -> dict[str, Any] | None:
    """Return one XCom as `xcoms` does; None if there is none."""
    return first(connection, _query(chosen))


def _query(chosen: XComFilter) -> sa.Select[Any]:
    query = sa.select(
        xcom, dag_run.c.dag_id, dag_run.c.run_id, dag_run.c.run_type, dag_run.c.logical_us
    ).join(dag_run, dag_run.c.id == xcom.c.dag_run_id)
    columns = (dag_run.c.dag_id, dag_run.c.run_id, xcom.c.task_id, xcom.c.map_index, xcom.c.key)
    for column, value in zip(columns, chosen, strict=True):
        if value is not None:
            query = query.where(column == value)
    return query
