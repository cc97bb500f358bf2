"""Be told what is not offered, and why."""

from __future__ import annotations

import json

from airflow_client.client import ApiException
from airflow_client.client.api import connection_api, role_api, user_api
from airflow_client.client.model.connection import Connection
from airflow_client.client.model.role import Role
from airflow_client.client.model.user import User


def main(client):
    calls = (
        lambda: connection_api.ConnectionApi(client).test_connection(
            Connection(conn_type="http", connection_id="x")
        ),
        lambda: role_api.RoleApi(client).post_role(Role(name="cook", actions=[])),
        lambda: user_api.UserApi(client).post_user(User(username="ann")),
    )
    return [reason(call) for call in calls]


def reason(call):
    try:
        call()
    except ApiException as error:
        return f"{error.status} {json.loads(error.body)['detail']}"
    return "answered"


EXPECTED = [
    (
        "403 Testing connections is disabled in the configuration."
        " Set [core] test_connection = Enabled."
    ),
    "501 There are three roles, viewer, operator and admin, and no others.",
    (
        "501 The server only reads the file of the users: nobody becomes one by a request. Make,"
        " change and delete users with `airflow-lite web users`."
    ),
]
