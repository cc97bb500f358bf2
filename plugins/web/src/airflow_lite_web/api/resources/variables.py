"""Variables; the value of one whose name is that of a secret is masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.secrets_masker import MASK, redact
from airflow_lite.security.cipher import Cipher
from airflow_lite.store import variables as store_variables
from airflow_lite.store.rest import secrets as pages
from airflow_lite.store.rest.paging import Page, Window
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import ORDER_BY, PAGE, UPDATE_MASK, Endpoint
from airflow_lite_web.api.forms import Form, Input, masked
from airflow_lite_web.api.problems import BadRequest, NotFound
from airflow_lite_web.api.records import Listing, Record, text
from airflow_lite_web.api.resources.dags import in_order
from airflow_lite_web.api.types import TEXT

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite_web.api.endpoints import Call

VARIABLE = Record(
    "Variable", {"key": text(is_nullable=False), "value": text(), "description": text()}
)
VARIABLES = Listing("VariableCollection", "variables", VARIABLE)
FORM = Form(
    "NewVariable",
    {
        "key": Input(TEXT, is_required=True),
        "value": Input(TEXT, is_required=True),
        "description": Input(TEXT, is_nullable=True),
    },
)


def _shown(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    value = Cipher(call.config).decrypted(row["val"], is_encrypted=row["is_encrypted"])
    return {**row, "value": redact(value, row["key"])}


def get_variables(call: Call) -> Page:
    """Return a page of Variables."""
    order = in_order(call["order_by"] or "id", pages.VARIABLE_ORDER)
    with call.store.read() as connection:
        found = pages.variables(connection, Window(call["limit"], call["offset"]), order)
    return Page([_shown(call, row) for row in found.rows], found.total)


def _the_variable(connection: sa.Connection, call: Call) -> dict[str, Any]:
    row = pages.variable_of(connection, call["variable_key"])
    if row is None:
        raise NotFound(f"There is no Variable {call['variable_key'][:60]!r}.", "Variable not found")
    return row


def get_variable(call: Call) -> dict[str, Any]:
    """Return one Variable."""
    with call.store.read_one() as connection:
        return _shown(call, _the_variable(connection, call))


def post_variables(call: Call) -> dict[str, Any]:
    """Make a Variable, or replace the one of its key."""
    body = call.body
    with call.store.begin() as connection:
        _put(connection, call, body["value"], body.get("description"))
    shown = redact(body["value"], body["key"])
    return {"key": body["key"], "value": shown, "description": body.get("description")}


def _put(connection: sa.Connection, call: Call, value: str, description: str | None) -> None:
    texts = {call.body["key"]: value}
    store_variables.put(connection, Cipher(call.config), texts, description)
    call.note(connection, f"set Variable {call.body['key']}")


def patch_variable(call: Call) -> dict[str, Any]:
    """Change a Variable."""
    if call.body["key"] != call["variable_key"]:
        raise BadRequest("The key in the body is not that of the path, and cannot be changed.")
    given = masked(call.body, call["update_mask"], FORM.fields)
    if given.get("value") == MASK:  # as it was answered: the secret would be lost
        raise BadRequest(
            f"value is {MASK}, which stands for a secret. Write the secret, or leave value out of"
            " update_mask."
        )
    with call.store.begin() as connection:
        row = _the_variable(connection, call)
        old = Cipher(call.config).decrypted(row["val"], is_encrypted=row["is_encrypted"])
        description = given.get("description", row["description"])
        _put(connection, call, given.get("value", old), description)
        return _shown(call, _the_variable(connection, call))


def delete_variable(call: Call) -> None:
    """Delete a Variable."""
    with call.store.begin() as connection:
        _the_variable(connection, call)
        store_variables.delete(connection, call["variable_key"])
        call.note(connection, f"deleted Variable {call['variable_key']}")


_ONE = "/variables/{variable_key:path}"
ENDPOINTS = (
    Endpoint(
        "GET",
        "/variables",
        "get_variables",
        "Variable",
        "List Variables",
        get_variables,
        VARIABLES,
        (*PAGE, ORDER_BY),
        role=Role.ADMIN,
    ),
    Endpoint(
        "POST",
        "/variables",
        "post_variables",
        "Variable",
        "Make or replace a Variable",
        post_variables,
        VARIABLE,
        form=FORM,
        role=Role.ADMIN,
    ),
    Endpoint(
        "GET",
        _ONE,
        "get_variable",
        "Variable",
        "Show a Variable",
        get_variable,
        VARIABLE,
        role=Role.ADMIN,
    ),
    Endpoint(
        "PATCH",
        _ONE,
        "patch_variable",
        "Variable",
        "Change a Variable",
        patch_variable,
        VARIABLE,
        (UPDATE_MASK,),
        FORM,
        Role.ADMIN,
    ),
    Endpoint(
        "DELETE",
        _ONE,
        "delete_variable",
        "Variable",
        "Delete a Variable",
        delete_variable,
        role=Role.ADMIN,
    ),
)
