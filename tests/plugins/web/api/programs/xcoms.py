"""Read what tasks returned."""

from __future__ import annotations

from airflow_client.client.api import x_com_api


def main(client):
    api = x_com_api.XComApi(client)
    entries = api.get_xcom_entries("mapped", "three", "each")
    value = api.get_xcom_entry("little", "one", "first", "return_value")
    return [
        f"{entries.total_entries}: {[each.map_index for each in entries.xcom_entries]}",
        f"{value.key} of {value.task_id}: {value.value}",
    ]


EXPECTED = ["3: [0, 1, 2]", "return_value of first: {'n': 3, 'names': ['a', 'b']}"]
