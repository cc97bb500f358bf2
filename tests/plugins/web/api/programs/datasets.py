"""Look at datasets and their changes; note a change, and take it out of the queue."""

from __future__ import annotations

from airflow_client.client.api import dag_run_api, dataset_api
from airflow_client.client.model.create_dataset_event import CreateDatasetEvent

URI = "s3://bucket/made"


def main(client):
    api = dataset_api.DatasetApi(client)
    listed = api.get_datasets(order_by="uri", uri_pattern="bucket")
    made = api.get_dataset(URI)
    events = api.get_dataset_events(source_dag_id="maker")
    noted = api.create_dataset_event(CreateDatasetEvent(dataset_uri=URI, extra={"n": 1}))
    queued = api.get_dag_dataset_queued_event("taker", URI)
    api.delete_dataset_queued_events(URI)
    upstream = dag_run_api.DAGRunApi(client).get_upstream_dataset_events("maker", "made")
    return [
        f"{[each.uri for each in listed.datasets]}",
        f"{[each.task_id for each in made.producing_tasks]} makes it,"
        f" {[each.dag_id for each in made.consuming_dags]} waits",
        f"{events.dataset_events[0].source_run_id} changed it, then {noted.extra}",
        f"queued for {queued.dag_id}, {upstream.total_entries} before the run",
    ]


EXPECTED = [
    "['s3://bucket/awaited', 's3://bucket/made']",
    "['make'] makes it, ['taker'] waits",
    "made changed it, then {'n': 1.0, 'from_rest_api': True}",
    "queued for taker, 0 before the run",
]
