"""Make a pool, change it, and delete it."""

from __future__ import annotations

from airflow_client.client.api import pool_api
from airflow_client.client.model.pool import Pool


def main(client):
    api = pool_api.PoolApi(client)
    made = api.post_pool(Pool(name="small", slots=3, description="a few"))
    changed = api.patch_pool("small", Pool(slots=5), update_mask=["slots"])
    names = [pool.name for pool in api.get_pools(order_by="name").pools]
    shown = api.get_pool("small")
    api.delete_pool("small")
    return [
        f"{made.name}: {made.open_slots} of {made.slots}, then {changed.slots}",
        f"{names}, {shown.description}",
        f"left {api.get_pools().total_entries}",
    ]


EXPECTED = ["small: 3 of 3, then 5", "['default_pool', 'small'], a few", "left 1"]
