"""Pools: how many task instances of a kind may run at once, over all DAGs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from airflow_lite.errors import PoolNotFound, UserError
from airflow_lite.store.schema import pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping

DEFAULT_POOL = "default_pool"


def pools(connection: sa.Connection) -> Sequence[RowMapping]:
    """Return every pool, by name."""
    return connection.execute(sa.select(pool).order_by(pool.c.name)).mappings().all()


def the_pool(connection: sa.Connection, name: str) -> RowMapping:
    """Return one pool; raise `PoolNotFound`."""
    row = connection.execute(sa.select(pool).where(pool.c.name == name)).mappings().first()
    if row is None:
        raise PoolNotFound(
            f"There is no pool {name[:60]!r}. List the pools with `airflow-lite pools list`."
        )
    return row


def set_pool(
    connection: sa.Connection, name: str, slots: int, description: str, *, include_deferred: bool
) -> bool:
    """Make a pool or change it; True if it was made. `slots` -1 is without limit."""
    if slots < -1:
        raise UserError(f"A pool cannot have {slots} slots. Write 0 or more, or -1 for no limit.")
    values = {"slots": slots, "description": description, "include_deferred": include_deferred}
    if connection.execute(pool.update().where(pool.c.name == name).values(values)).rowcount:
        return False
    connection.execute(pool.insert().values(name=name, **values))
    return True


def delete_pool(connection: sa.Connection, name: str) -> RowMapping:
    """Delete a pool and return what it was; raise `PoolNotFound`."""
    if name == DEFAULT_POOL:
        raise UserError(f"{DEFAULT_POOL} cannot be deleted. Set its slots instead.")
    row = the_pool(connection, name)
    connection.execute(pool.delete().where(pool.c.name == name))
    return row
