"""Make a connection, change it, and delete it; its password is not told."""

from __future__ import annotations

from airflow_client.client.api import connection_api
from airflow_client.client.model.connection import Connection


def main(client):
    api = connection_api.ConnectionApi(client)
    extra = '{"timeout": 5, "token": "s3cret"}'
    made = api.post_connection(
        Connection(
            connection_id="db",
            conn_type="postgres",
            host="h",
            password="s3cret-s3cret",
            extra=extra,
        )
    )
    changed = api.patch_connection(
        "db",
        Connection(connection_id="db", conn_type="postgres", port=5433),
        update_mask=["port"],
    )
    listed = api.get_connections(order_by="connection_id").connections
    shown = api.get_connection("db")
    api.delete_connection("db")
    return [
        f"{made.connection_id} at {made.host}: {made.extra}",
        f"{changed.port} {shown.port} {[each.connection_id for each in listed]}",
        f"told {'s3cret' in f'{made} {changed} {shown} {listed}'}",
    ]


EXPECTED = ['db at h: {"timeout": 5, "token": "***"}', "5433 5433 ['db']", "told False"]
