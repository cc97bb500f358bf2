"""Pools: how many task instances of a kind may run at once, over all DAGs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.errors import PoolNotFound, UserError
from airflow_lite.store.batches import insert_new
from airflow_lite.store.schema import ACTIVE_INSTANCE, dag_run, pool, task_instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping

DEFAULT_POOL = "default_pool"
_QUEUED = task_instance.c.state == "queued"


def pools(connection: sa.Connection) -> Sequence[RowMapping]:
    """Return every pool, by name, with its `running_slots` and `queued_slots`."""
    return connection.execute(pools_with_slots().order_by(pool.c.name)).mappings().all()


def pools_with_slots() -> sa.Select[Any]:
    """Return the query for pools with the slots that their attempts take, as `pools` has them."""
    taken = (
        sa.select(
            task_instance.c.pool,
            *(
                sa.func.sum(sa.case((is_queued, task_instance.c.pool_slots), else_=0)).label(name)
                for name, is_queued in (("queued", _QUEUED), ("running", sa.not_(_QUEUED)))
            ),
        )
        .where(ACTIVE_INSTANCE)
        .group_by(task_instance.c.pool)
        .subquery()
    )
    return sa.select(
        pool,
        sa.func.coalesce(taken.c.running, 0).label("running_slots"),
        sa.func.coalesce(taken.c.queued, 0).label("queued_slots"),
    ).outerjoin_from(pool, taken, taken.c.pool == pool.c.name)


def the_pool(connection: sa.Connection, name: str) -> RowMapping:
    """Return one pool as `pools` does; raise `PoolNotFound`."""
    row = connection.execute(pools_with_slots().where(pool.c.name == name)).mappings().first()
    if row is None:
        raise PoolNotFound(
            f"There is no pool {name[:60]!r}. List the pools with `airflow-lite pools list`."
        )
    return row


def holders(connection: sa.Connection, name: str, limit: int) -> Sequence[RowMapping]:
    """Return the attempts that take slots of a pool, the longest first, at most `limit`.

    Each has `dag_id, run_id, task_id, map_index, pool_slots, state, since_us`.
    """
    since = sa.func.coalesce(task_instance.c.start_us, task_instance.c.queued_us).label("since_us")
    query = (
        sa.select(
            dag_run.c.dag_id,
            dag_run.c.run_id,
            task_instance.c.task_id,
            task_instance.c.map_index,
            task_instance.c.pool_slots,
            task_instance.c.state,
            since,
        )
        .join(dag_run, dag_run.c.id == task_instance.c.dag_run_id)
        .where(ACTIVE_INSTANCE, task_instance.c.pool == name)
        .order_by(since, task_instance.c.id)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def set_pool(
    connection: sa.Connection,
    name: str,
    slots: int,
    description: str | None,
    *,
    include_deferred: bool,
) -> bool:
    """Make a pool or change it; True if it was made. `slots` -1 is without limit."""
    if slots < -1:
        raise UserError(f"A pool cannot have {slots} slots. Write 0 or more, or -1 for no limit.")
    values = {"slots": slots, "description": description, "include_deferred": include_deferred}
    # In this order, so that of two that make one pool at once the second changes it.
    if insert_new(connection, pool, {"name": name, **values}) is not None:
        return True
    connection.execute(pool.update().where(pool.c.name == name).values(values))
    return False


def rename_pool(connection: sa.Connection, old: str, new: str) -> None:
    """Give a pool another name, which no other may have; tasks name it as their DAG files do."""
    connection.execute(pool.update().where(pool.c.name == old).values(name=new))


def delete_pool(connection: sa.Connection, name: str) -> RowMapping:
    """Delete a pool and return what it was; raise `PoolNotFound`."""
    if name == DEFAULT_POOL:
        raise UserError(f"{DEFAULT_POOL} cannot be deleted. Set its slots instead.")
    row = the_pool(connection, name)
    connection.execute(pool.delete().where(pool.c.name == name))
    return row
