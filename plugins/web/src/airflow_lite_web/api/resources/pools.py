"""Pools: how many task instances of a kind may run at once, and how many do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.keys import check_id
from airflow_lite.store import doorbell
from airflow_lite.store import pools as store_pools
from airflow_lite.store.rest import pools as pages
from airflow_lite.store.rest.paging import Page, Window
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import ORDER_BY, PAGE, UPDATE_MASK, Endpoint
from airflow_lite_web.api.forms import Form, Input, masked
from airflow_lite_web.api.problems import AlreadyExists, BadRequest
from airflow_lite_web.api.records import Listing, Record, flag, number, text
from airflow_lite_web.api.resources.dags import in_order
from airflow_lite_web.api.types import BOOLEAN, INTEGER, TEXT

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite_web.api.endpoints import Call

_SLOTS = ("running_slots", "queued_slots", "scheduled_slots", "deferred_slots")
_READ_ONLY = frozenset({*_SLOTS, "occupied_slots", "open_slots"})


def _occupied(row: dict[str, Any]) -> int:
    deferred = row["deferred_slots"] if row["include_deferred"] else 0
    return int(row["running_slots"] + row["queued_slots"] + deferred)


POOL = Record(
    "Pool",
    {
        "name": text(is_nullable=False),
        "slots": number(),
        "description": text(),
        "include_deferred": flag(),
        "occupied_slots": number(_occupied),
        **{name: number() for name in _SLOTS},
        # None: without limit
        "open_slots": number(
            lambda row: row["slots"] - _occupied(row) if row["slots"] >= 0 else None
        ),
    },
)
POOLS = Listing("PoolCollection", "pools", POOL)
_FIELDS = {
    "name": Input(TEXT),
    "slots": Input(INTEGER),
    "description": Input(TEXT, is_nullable=True),
    "include_deferred": Input(BOOLEAN),
}
_REQUIRED = ("name", "slots")
NEW = Form(
    "NewPool",
    {name: each._replace(is_required=name in _REQUIRED) for name, each in _FIELDS.items()},
    _READ_ONLY,
)
CHANGE = Form("PoolChange", _FIELDS, _READ_ONLY)


def get_pools(call: Call) -> Page:
    """Return a page of pools."""
    order = in_order(call["order_by"] or "name", pages.ORDER)
    with call.store.read() as connection:
        return pages.pools(connection, Window(call["limit"], call["offset"]), order)


def get_pool(call: Call) -> dict[str, Any]:
    """Return one pool."""
    with call.store.read() as connection:
        return pages.pool(connection, call["pool_name"])


def post_pool(call: Call) -> dict[str, Any]:
    """Make a pool."""
    name = check_id(call.body["name"], "pool name")
    with call.store.begin() as connection:
        if pages.exists(connection, name):
            raise AlreadyExists(f"There is a pool {name!r} already.")
        call.note(connection, f"made pool {name}")
        _set(connection, name, {"description": None, "include_deferred": False, **call.body})
        return pages.pool(connection, name)


def patch_pool(call: Call) -> dict[str, Any]:
    """Change a pool, its name too."""
    old = call["pool_name"]
    given = masked(call.body, call["update_mask"], _FIELDS)
    name = check_id(given.get("name", old), "pool name")
    if old == store_pools.DEFAULT_POOL and (name != old or "description" in given):
        raise BadRequest("Of the default pool only slots and include_deferred can be changed.")
    with call.store.begin() as connection:
        values = pages.pool(connection, old)
        if call["update_mask"] is None and not all(name in given for name in _REQUIRED):
            raise BadRequest("Give name and slots, or say with update_mask what is to change.")
        if name != old:
            if pages.exists(connection, name):
                raise AlreadyExists(f"There is a pool {name!r} already.")
            store_pools.rename_pool(connection, old, name)
        call.note(connection, f"changed pool {old}")
        _set(connection, name, {**values, **given})
        return pages.pool(connection, name)


def _set(connection: sa.Connection, name: str, values: dict[str, Any]) -> None:
    store_pools.set_pool(
        connection,
        name,
        values["slots"],
        values["description"],
        include_deferred=values["include_deferred"],
    )
    doorbell.ring(connection)


def delete_pool(call: Call) -> None:
    """Delete a pool."""
    with call.store.begin() as connection:
        store_pools.delete_pool(connection, call["pool_name"])
        call.note(connection, f"deleted pool {call['pool_name']}")
        doorbell.ring(connection)


_ONE = "/pools/{pool_name}"
ENDPOINTS = (
    Endpoint(
        "GET", "/pools", "get_pools", "Pool", "List pools", get_pools, POOLS, (*PAGE, ORDER_BY)
    ),
    Endpoint(
        "POST",
        "/pools",
        "post_pool",
        "Pool",
        "Make a pool",
        post_pool,
        POOL,
        form=NEW,
        role=Role.OPERATOR,
    ),
    Endpoint("GET", _ONE, "get_pool", "Pool", "Show a pool", get_pool, POOL),
    Endpoint(
        "PATCH",
        _ONE,
        "patch_pool",
        "Pool",
        "Change a pool",
        patch_pool,
        POOL,
        (UPDATE_MASK,),
        CHANGE,
        Role.OPERATOR,
    ),
    Endpoint(
        "DELETE", _ONE, "delete_pool", "Pool", "Delete a pool", delete_pool, role=Role.OPERATOR
    ),
)
