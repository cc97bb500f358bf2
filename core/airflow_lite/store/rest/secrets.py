"""Variables and connections, as they are kept: what is encrypted stays so."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_lite.store.rest.paging import Page, Window, first, ordered, page
from airflow_lite.store.schema import connection as connection_table
from airflow_lite.store.schema import variable

#: What Variables and connections can be ordered by.
VARIABLE_ORDER: dict[str, sa.ColumnElement[Any]] = {
    "id": variable.c.id,
    "key": variable.c.key,
    "description": variable.c.description,
}
CONNECTION_ORDER: dict[str, sa.ColumnElement[Any]] = {
    "connection_id": connection_table.c.conn_id,
    "conn_type": connection_table.c.conn_type,
    "description": connection_table.c.description,
    "host": connection_table.c.host,
    "port": connection_table.c.port,
    "id": connection_table.c.id,
}
_SHOWN = ("id", "conn_id", "conn_type", "description", "host", "login", "schema", "port")


def variables(connection: sa.Connection, window: Window, order_by: str = "id") -> Page:
    """Return a page of the rows of Variables; `KeyError` for another order."""
    order = ordered(VARIABLE_ORDER, order_by, variable.c.id)
    return page(connection, sa.select(variable), window, order)


def variable_of(connection: sa.Connection, key: str) -> dict[str, Any] | None:
    """Return the row of a Variable; None if there is none."""
    return first(connection, sa.select(variable).where(variable.c.key == key))


def connections(connection: sa.Connection, window: Window, order_by: str = "id") -> Page:
    """Return a page of connections without what is kept encrypted; `KeyError` as above."""
    query = sa.select(*(connection_table.c[name] for name in _SHOWN))
    order = ordered(CONNECTION_ORDER, order_by, connection_table.c.id)
    return page(connection, query, window, order)
