"""Look who may come in, and what each may do."""

from __future__ import annotations

from airflow_client.client.api import permission_api, role_api, user_api


def main(client):
    users, roles = user_api.UserApi(client), role_api.RoleApi(client)
    page = users.get_users(order_by="-username", limit=2)
    ann = users.get_user("operator")
    viewer = roles.get_role("viewer")
    rights = permission_api.PermissionApi(client).get_permissions()
    return [
        f"{page.total_entries} users, the last are {[each.username for each in page.users]}",
        f"{ann.username} is {[each.name for each in ann.roles]}",
        f"roles {[each.name for each in roles.get_roles().roles]}",
        f"viewer: {sorted({each.action.name for each in viewer.actions})}",
        f"rights {[each.name for each in rights.actions]}",
    ]


EXPECTED = [
    "3 users, the last are ['viewer', 'operator']",
    "operator is ['operator']",
    "roles ['admin', 'operator', 'viewer']",
    "viewer: ['can_read']",
    "rights ['can_create', 'can_delete', 'can_edit', 'can_read']",
]
