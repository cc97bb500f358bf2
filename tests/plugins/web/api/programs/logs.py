"""Read the log of a try, and go on where it ended."""

from __future__ import annotations

from airflow_client.client.api import task_instance_api


def main(client):
    api = task_instance_api.TaskInstanceApi(client)
    log = api.get_log("failing", "bad", "fail", 1, full_content=True)
    more = api.get_log("failing", "bad", "fail", 1, token=log.continuation_token)
    index = api.get_log("mapped", "three", "each", 1, map_index=2)
    return [
        f"try 1: {'this is try 1' in log.content} {'no luck' in log.content}",
        f"after it: {'this is try' in more.content}",
        f"index 2: {'doubling 3' in index.content}",
    ]


EXPECTED = ["try 1: True True", "after it: False", "index 2: True"]
