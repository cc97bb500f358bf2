"""Pools, with what is running, queued and waiting of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.errors import PoolNotFound
from airflow_lite.store.pools import pools_with_slots
from airflow_lite.store.rest.paging import Page, Window, first, ordered, page
from airflow_lite.store.schema import UNFINISHED_RUN, dag_run, task_instance
from airflow_lite.store.schema import pool as table

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What pools can be ordered by.
ORDER: dict[str, sa.ColumnElement[Any]] = {
    "name": table.c.name,
    "slots": table.c.slots,
    "id": table.c.name,
}
_WAITING = ("scheduled", "deferred")


def pools(connection: sa.Connection, window: Window, order_by: str = "name") -> Page:
    """Return a page of pools, with their slots; `KeyError` for an order that is none of `ORDER`."""
    found = page(connection, pools_with_slots(), window, ordered(ORDER, order_by, table.c.name))
    return Page(_with_waiting(connection, found.rows), found.total)


def pool(connection: sa.Connection, name: str) -> dict[str, Any]:
    """Return one pool as `pools` does; raise `PoolNotFound`."""
    row = first(connection, pools_with_slots().where(table.c.name == name))
    if row is None:
        raise PoolNotFound(f"There is no pool {name[:60]!r}.")
    return _with_waiting(connection, [row])[0]


def exists(connection: sa.Connection, name: str) -> bool:
    """Whether there is a pool of this name."""
    return (
        connection.execute(sa.select(table.c.name).where(table.c.name == name)).first() is not None
    )


def _with_waiting(
    connection: sa.Connection, rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return pools with the slots that wait in runs which are not over."""
    ti = task_instance.c
    # Not a join: SQLite would begin with all task instances, and not with the few runs.
    unfinished = sa.select(dag_run.c.id).where(UNFINISHED_RUN)
    query = (
        sa.select(ti.pool, ti.state, sa.func.sum(ti.pool_slots))
        .where(ti.dag_run_id.in_(unfinished), ti.state.in_(_WAITING))
        .group_by(ti.pool, ti.state)
    )
    slots = {(name, state): int(count) for name, state, count in connection.execute(query)}
    return [
        {**row, **{f"{state}_slots": slots.get((row["name"], state), 0) for state in _WAITING}}
        for row in rows
    ]
