"""Users, and what their roles may do, as the file of the users has it: it is only read here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.store.rest.paging import Page
from airflow_lite_web.access.users import Role
from airflow_lite_web.api.endpoints import ORDER_BY, PAGE, Endpoint
from airflow_lite_web.api.problems import NotFound
from airflow_lite_web.api.records import Listing, Record, always, nested, nested_list, text
from airflow_lite_web.api.resources.dags import in_order
from airflow_lite_web.api.types import BOOLEAN, INTEGER, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite_web.api.endpoints import Call

_READ = "can_read"
#: Methods of calls -> what Airflow names the right to them.
_RIGHTS = {
    "GET": _READ,
    "POST": "can_create",
    "PUT": "can_edit",
    "PATCH": "can_edit",
    "DELETE": "can_delete",
}
NAMED_ROLE = Record("UserRole", {"name": text("title", is_nullable=False)})
_NOT_KEPT = {
    "email": text("name", is_nullable=False),  # which clients want to have
    "first_name": always(TEXT, ""),
    "last_name": always(TEXT, ""),
    **dict.fromkeys(("changed_on", "created_on", "last_login"), always(TEXT)),
    **dict.fromkeys(("failed_login_count", "login_count"), always(INTEGER)),
}
USER = Record(
    "UserCollectionItem",
    {
        "username": text("name", is_nullable=False),
        "active": always(BOOLEAN, True),
        "roles": nested_list(NAMED_ROLE, lambda user: [{"title": user["role"].title}]),
        **_NOT_KEPT,
    },
)
USERS = Listing("UserCollection", "users", USER)
ACTION = Record("Action", {"name": text(is_nullable=False)})
ACTIONS = Listing("ActionCollection", "actions", ACTION)
RESOURCE = Record("Resource", {"name": text(is_nullable=False)})
RIGHT = Record(
    "ActionResource",
    {
        "action": nested(ACTION, lambda right: {"name": right["action"]}),
        "resource": nested(RESOURCE, lambda right: {"name": right["resource"]}),
    },
)
ROLE = Record("Role", {"name": text(is_nullable=False), "actions": nested_list(RIGHT)})
ROLES = Listing("RoleCollection", "roles", ROLE)
#: What users can be ordered by: what the file does not keep is the same for all.
_USER_ORDER = (
    "username", "user_name", "id", "email", "first_name", "last_name", "is_active", "role",
)  # fmt: skip


def get_users(call: Call) -> Page:
    """Return a page of the users of the file."""
    order = in_order(call["order_by"] or "username", _USER_ORDER)
    name = "role" if order.removeprefix("-") == "role" else "name"
    rows = [user._asdict() for user in call.site.users.all()]
    rows.sort(key=lambda row: row[name], reverse=order.startswith("-"))
    return Page(rows[call["offset"] :][: call["limit"]], len(rows))


def get_user(call: Call) -> dict[str, Any]:
    """Return one user."""
    user = call.site.users.by_name(call["username"])
    if user is None:
        raise NotFound(f"There is no user {call['username'][:60]!r}.", "User not found")
    return user._asdict()


def rights_of(role: Role, endpoints: Iterable[Endpoint]) -> list[dict[str, str]]:
    """Return what a role may do: each right and resource once, as the calls need them."""
    found = {
        (_READ if each.role is Role.VIEWER else _RIGHTS[each.method], each.tag)
        for each in endpoints
        if each.role <= role and not each.is_open
    }
    return [{"action": action, "resource": resource} for action, resource in sorted(found)]


def _roles() -> list[dict[str, Any]]:
    from airflow_lite_web.api.routing import ENDPOINTS  # which this module is a part of

    return [{"name": role.title, "actions": rights_of(role, ENDPOINTS)} for role in Role]


def get_roles(call: Call) -> Page:
    """Return a page of the roles, by name."""
    order = in_order(call["order_by"] or "name", ["name"])
    rows = sorted(_roles(), key=lambda row: str(row["name"]), reverse=order.startswith("-"))
    return Page(rows[call["offset"] :][: call["limit"]], len(rows))


def get_role(call: Call) -> dict[str, Any]:
    """Return one role."""
    found = next((row for row in _roles() if row["name"] == call["role_name"]), None)
    if found is None:
        raise NotFound(f"There is no role {call['role_name'][:60]!r}.", "Role not found")
    return found


def get_permissions(call: Call) -> Page:
    """Return a page of the rights that there are."""
    rows = [{"name": name} for name in sorted(set(_RIGHTS.values()))]
    return Page(rows[call["offset"] :][: call["limit"]], len(rows))


ENDPOINTS = (
    Endpoint(
        "GET", "/users", "get_users", "User", "List the users", get_users, USERS,
        (*PAGE, ORDER_BY), role=Role.ADMIN,
    ),
    Endpoint(
        "GET", "/users/{username}", "get_user", "User", "Show a user", get_user, USER,
        role=Role.ADMIN,
    ),
    Endpoint(
        "GET", "/roles", "get_roles", "Role", "List the roles", get_roles, ROLES,
        (*PAGE, ORDER_BY), role=Role.ADMIN,
    ),
    Endpoint(
        "GET", "/roles/{role_name}", "get_role", "Role", "Show what a role may do", get_role, ROLE,
        role=Role.ADMIN,
    ),
    Endpoint(
        "GET", "/permissions", "get_permissions", "Permission", "List the rights that roles have",
        get_permissions, ACTIONS, PAGE, role=Role.ADMIN,
    ),
)  # fmt: skip
