"""What Airflow's API has and ours has not, each with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite_web.api.endpoints import Missing

if TYPE_CHECKING:
    from collections.abc import Iterator

_USERS = (
    "The server only reads the file of the users: nobody becomes one by a request. Make, change and"
    " delete users with `airflow-lite web users`."
)
_ROLES = "There are three roles, viewer, operator and admin, and no others."
#: Reason, tag, then a line for each call: method, path, operation.
_TABLE = (
    (
        _ROLES,
        "Role",
        """
        POST /roles post_role
        PATCH /roles/{role_name} patch_role
        DELETE /roles/{role_name} delete_role
        """,
    ),
    (
        _USERS,
        "User",
        """
        POST /users post_user
        PATCH /users/{username} patch_user
        DELETE /users/{username} delete_user
        """,
    ),
)


def _lines() -> Iterator[Missing]:
    for reason, tag, lines in _TABLE:
        for line in lines.split("\n"):
            if line.strip():
                method, path, operation = line.split()
                yield Missing(method, path, operation, tag, reason)


MISSING = tuple(_lines())
