"""*Pools*, *variables* and *connections*: what DAGs share; no secret is shown, whoever asks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_lite.clock import SystemClock
from airflow_lite.errors import ConfigError, UserError
from airflow_lite.keys import check_id
from airflow_lite.secrets_masker import redact
from airflow_lite.security.cipher import Cipher
from airflow_lite.store import connections as stored_connections
from airflow_lite.store import doorbell, edits
from airflow_lite.store import pools as stored_pools
from airflow_lite.store import variables as stored_variables
from airflow_lite.text import shortened
from airflow_lite_web.access.users import Role
from airflow_lite_web.pages.acting import Act, action_route
from airflow_lite_web.pages.page import Ask, Page, page_routes

if TYPE_CHECKING:
    from sqlalchemy import RowMapping
    from starlette.responses import Response

_MASK = "***"
#: Fields of a connection that are shown, and those that are not.
_PLAIN, _SECRET = ("conn_type", "description", "host", "login", "schema"), ("password", "extra")
_LONGEST = 300
#: Rows on one page.
_MOST = 200


def pools(ask: Ask) -> Page:
    """Show the pools, and how full they are."""
    with ask.site.store.read() as connection:
        rows = stored_pools.pools(connection)
    data = {"pools": [_pool(row) for row in rows]}
    return Page("pools.html", "Pools", data, "pools", section="Pools", is_live="dag=")


def _pool(row: RowMapping) -> dict[str, Any]:
    slots, running, queued = row["slots"], int(row["running_slots"]), int(row["queued_slots"])
    is_limited = slots >= 0
    share = 160 / max(slots, running + queued, 1) if is_limited else 0.0
    return {
        "name": row["name"],
        "slots": slots,
        "running": running,
        "queued": queued,
        "open": max(slots - running - queued, 0) if is_limited else None,
        "description": row["description"] or "",
        "include_deferred": bool(row["include_deferred"]),
        "running_width": round(running * share, 1),
        "queued_width": round(queued * share, 1),
    }


def set_pool(act: Act) -> Response:
    """Make a pool, or change one."""
    name = check_id(act.field("name").strip(), "pool name")
    try:
        slots = int(act.field("slots"))
    except ValueError:
        raise UserError("The slots are no whole number. Write -1 for no limit.") from None
    with act.site.store.begin() as connection:
        is_new = stored_pools.set_pool(
            connection,
            name,
            slots,
            act.field("description").strip() or None,
            include_deferred=act.field("include_deferred") == "on",
        )
        done = f"{'made' if is_new else 'changed'} pool {name}: {slots} slots"
        edits.note_action(connection, act.actor, done, now_us=SystemClock().now_us())
        doorbell.ring(connection)
    return act.back(f"{done.capitalize()}.", "/pools")


def delete_pool(act: Act) -> Response:
    """Delete a pool."""
    name = act.field("name")
    with act.site.store.begin() as connection:
        stored_pools.delete_pool(connection, name)
        edits.note_action(
            connection, act.actor, f"deleted pool {name}", now_us=SystemClock().now_us()
        )
        doorbell.ring(connection)
    return act.back(f"Deleted pool {name}.", "/pools")


def variables(ask: Ask) -> Page:
    """Show the Variables: to a viewer the keys alone, and no secret to anybody."""
    after = ask.word("after")
    with ask.site.store.read() as connection:
        rows = [row for row in stored_variables.variables(connection) if row["key"] > after]
    cipher, is_shown = Cipher(ask.site.config), ask.user.role >= Role.OPERATOR
    data = {
        "variables": [_variable(row, cipher, is_shown=is_shown) for row in rows[:_MOST]],
        "next": rows[_MOST - 1]["key"] if len(rows) > _MOST else None,
        "after": after,
    }
    return Page("variables.html", "Variables", data, "variables", section="Variables")


def _variable(row: RowMapping, cipher: Cipher, *, is_shown: bool) -> dict[str, Any]:
    return {
        "key": row["key"],
        "value": _value(row, cipher) if is_shown else _MASK,
        "description": row["description"] or "",
        "is_encrypted": bool(row["is_encrypted"]),
    }


def _value(row: RowMapping, cipher: Cipher) -> str:
    try:
        text = cipher.decrypted(row["val"], is_encrypted=row["is_encrypted"])
    except ConfigError:
        return "cannot be decrypted: the key is another"
    return shortened(redact(text, row["key"]), _LONGEST)


def set_variable(act: Act) -> Response:
    """Make a Variable, or give one another value."""
    key, description = act.field("key").strip(), act.field("description").strip() or None
    cipher = Cipher(act.site.config)
    with act.site.store.begin() as connection:
        stored_variables.put(connection, cipher, {key: act.field("value")}, description)
        cause = f"set variable {shortened(key, 100)}"
        edits.note_action(connection, act.actor, cause, now_us=SystemClock().now_us())
    return act.back(f"Set variable {key}.", "/variables")


def delete_variable(act: Act) -> Response:
    """Delete a Variable."""
    key = act.field("key")
    with act.site.store.begin() as connection:
        stored_variables.delete(connection, key)
        cause = f"deleted variable {shortened(key, 100)}"
        edits.note_action(connection, act.actor, cause, now_us=SystemClock().now_us())
    return act.back(f"Deleted variable {key}.", "/variables")


def connections(ask: Ask) -> Page:
    """Show the connections without what is secret in them; `edit` is the one in the form."""
    with ask.site.store.read() as connection:
        rows = stored_connections.connections(connection, Cipher(ask.site.config))
    shown = [_connection(row.fields) for row in rows]
    edited = next((row for row in shown if row["conn_id"] == ask.word("edit")), None)
    data = {"connections": shown, "edited": edited}
    return Page("connections.html", "Connections", data, "connections", section="Connections")


def _connection(fields: stored_connections.ConnectionFields) -> dict[str, Any]:
    return {
        "conn_id": fields.conn_id,
        "conn_type": fields.conn_type,
        "description": fields.description or "",
        "host": redact(fields.host),
        "port": fields.port,
        "schema": fields.schema,
        "login": fields.login,
        "password": _MASK if fields.password else "",
        "extra": _MASK if fields.extra else "",
    }


def set_connection(act: Act) -> Response:
    """Make a connection, or change one: a secret that is left empty stays what it was."""
    conn_id = check_id(act.field("conn_id").strip(), "connection id")
    cipher = Cipher(act.site.config)
    with act.site.store.begin() as connection:
        before = stored_connections.get(connection, cipher, conn_id)
        stored_connections.put(connection, cipher, [_given(act, conn_id, before)])
        done = "made" if before is None else "changed"
        cause = f"{done} connection {conn_id}"
        edits.note_action(connection, act.actor, cause, now_us=SystemClock().now_us())
    return act.back(f"{done.capitalize()} connection {conn_id}.", "/connections")


def _given(
    act: Act, conn_id: str, before: stored_connections.ConnectionFields | None
) -> stored_connections.ConnectionFields:
    """Return what the form has; raise `UserError`."""
    texts: dict[str, Any] = {name: act.field(name).strip() or None for name in _PLAIN}
    if texts["conn_type"] is None:
        raise UserError("The connection has no type. Write one, such as postgres or http.")
    port = act.field("port").strip()
    if port and not (port.isascii() and port.isdecimal()):
        raise UserError(f"The port is {port[:20]!r}, which is no whole number.")
    secrets: dict[str, Any] = {name: act.field(name) or None for name in _SECRET}
    for name, value in secrets.items():
        if value is None and before is not None and act.field(f"forget_{name}") != "on":
            secrets[name] = getattr(before, name)
    if secrets["extra"] is not None:
        _check_extra(secrets["extra"])
    return stored_connections.ConnectionFields(
        conn_id, port=int(port) if port else None, **texts, **secrets
    )


def _check_extra(text: str) -> None:
    try:
        is_object = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise UserError('The extra is not a JSON object. Write {"key": "value"}.')


def delete_connection(act: Act) -> Response:
    """Delete a connection."""
    conn_id = act.field("conn_id")
    with act.site.store.begin() as connection:
        stored_connections.delete(connection, conn_id)
        cause = f"deleted connection {shortened(conn_id, 100)}"
        edits.note_action(connection, act.actor, cause, now_us=SystemClock().now_us())
    return act.back(f"Deleted connection {conn_id}.", "/connections")


ROUTES = [
    *page_routes("/pools", pools),
    *page_routes("/variables", variables),
    *page_routes("/connections", connections),
    action_route("/pools/set", set_pool, Role.ADMIN),
    action_route("/pools/delete", delete_pool, Role.ADMIN),
    action_route("/variables/set", set_variable, Role.ADMIN),
    action_route("/variables/delete", delete_variable, Role.ADMIN),
    action_route("/connections/set", set_connection, Role.ADMIN),
    action_route("/connections/delete", delete_connection, Role.ADMIN),
]
