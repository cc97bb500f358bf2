"""Connections; passwords are never answered, and secrets in extras are masked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_lite.keys import check_id
from airflow_lite.secrets_masker import MASK, redact
from airflow_lite.security.cipher import Cipher
from airflow_lite.store import connections as store_connections
from airflow_lite.store.connections import ConnectionFields
from airflow_lite.store.rest import secrets as pages
from airflow_lite.store.rest.paging import Window
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import ORDER_BY, PAGE, UPDATE_MASK, Endpoint
from airflow_lite_web.api.forms import Form, Input, masked
from airflow_lite_web.api.problems import AlreadyExists, BadRequest, NotFound
from airflow_lite_web.api.records import Listing, Record, number, text
from airflow_lite_web.api.resources.dags import in_order
from airflow_lite_web.api.types import INTEGER, TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from airflow_lite.store.rest.paging import Page
    from airflow_lite_web.api.endpoints import Call

_ITEM = {
    "connection_id": text("conn_id", is_nullable=False),
    "conn_type": text(is_nullable=False),
    "description": text(),
    "host": text(),
    "login": text(),
    "schema": text(),
    "port": number(),
}
ITEM = Record("ConnectionCollectionItem", _ITEM)
ITEMS = Listing("ConnectionCollection", "connections", ITEM)
CONNECTION = Record("Connection", {**_ITEM, "extra": text(lambda row: _shown_extra(row["extra"]))})
_REQUIRED = ("connection_id", "conn_type")
_OPTIONAL = ("description", "host", "login", "schema", "password", "extra")
FORM = Form(
    "NewConnection",
    {
        **{name: Input(TEXT, is_required=True) for name in _REQUIRED},
        **{name: Input(TEXT, is_nullable=True) for name in _OPTIONAL},
        "port": Input(INTEGER, is_nullable=True),
    },
)


def _shown_extra(extra: str | None) -> str | None:
    """Return an extra with what is a secret in it masked; all of it where it is no JSON."""
    if not extra:
        return extra
    try:
        return json.dumps(redact(json.loads(extra)))
    except (ValueError, RecursionError):
        return MASK


def get_connections(call: Call) -> Page:
    """Return a page of connections, without what is kept encrypted."""
    order = in_order(call["order_by"] or "id", pages.CONNECTION_ORDER)
    with call.store.read() as connection:
        return pages.connections(connection, Window(call["limit"], call["offset"]), order)


def _the_connection(connection: sa.Connection, call: Call, conn_id: str) -> ConnectionFields:
    found = store_connections.get(connection, Cipher(call.config), conn_id)
    if found is None:
        raise NotFound(f"There is no connection {conn_id[:60]!r}.", "Connection not found")
    return found


def get_connection(call: Call) -> dict[str, Any]:
    """Return one connection."""
    with call.store.read_one() as connection:
        return _the_connection(connection, call, call["connection_id"])._asdict()


def post_connection(call: Call) -> dict[str, Any]:
    """Make a connection."""
    fields = _fields(call.body)
    check_id(fields["conn_id"], "connection id")
    made = ConnectionFields(**fields)
    with call.store.begin() as connection:
        if not store_connections.add(connection, Cipher(call.config), made):
            raise AlreadyExists(f"There is a connection {made.conn_id!r} already.")
        call.note(connection, f"made connection {made.conn_id}")
    return made._asdict()


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"conn_id" if name == "connection_id" else name: each for name, each in given.items()}


def patch_connection(call: Call) -> dict[str, Any]:
    """Change a connection."""
    if call.body["connection_id"] != call["connection_id"]:
        raise BadRequest("The connection_id cannot be changed.")
    given = _fields(masked(call.body, call["update_mask"], FORM.fields))
    if MASK in (given.get("extra") or ""):  # as it was answered: the secret would be lost
        raise BadRequest(
            f"extra has {MASK}, which stands for a secret. Write the secret, or leave extra out of"
            " update_mask."
        )
    with call.store.begin() as connection:
        changed = _the_connection(connection, call, call["connection_id"])._replace(**given)
        store_connections.put(connection, Cipher(call.config), [changed])
        call.note(connection, f"changed connection {changed.conn_id}")
    return changed._asdict()


def delete_connection(call: Call) -> None:
    """Delete a connection."""
    with call.store.begin() as connection:
        if not store_connections.delete(connection, call["connection_id"]):
            conn_id = call["connection_id"][:60]
            raise NotFound(f"There is no connection {conn_id!r}.", "Connection not found")
        call.note(connection, f"deleted connection {call['connection_id']}")


_ONE = "/connections/{connection_id}"
ENDPOINTS = (
    Endpoint(
        "GET",
        "/connections",
        "get_connections",
        "Connection",
        "List connections",
        get_connections,
        ITEMS,
        (*PAGE, ORDER_BY),
        role=Role.ADMIN,
    ),
    Endpoint(
        "POST",
        "/connections",
        "post_connection",
        "Connection",
        "Make a connection",
        post_connection,
        CONNECTION,
        form=FORM,
        role=Role.ADMIN,
    ),
    Endpoint(
        "GET",
        _ONE,
        "get_connection",
        "Connection",
        "Show a connection",
        get_connection,
        CONNECTION,
        role=Role.ADMIN,
    ),
    Endpoint(
        "PATCH",
        _ONE,
        "patch_connection",
        "Connection",
        "Change a connection",
        patch_connection,
        CONNECTION,
        (UPDATE_MASK,),
        FORM,
        Role.ADMIN,
    ),
    Endpoint(
        "DELETE",
        _ONE,
        "delete_connection",
        "Connection",
        "Delete a connection",
        delete_connection,
        role=Role.ADMIN,
    ),
)
