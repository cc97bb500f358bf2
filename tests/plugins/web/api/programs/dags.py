"""Look at DAGs and their tasks and code; pause one and let it go on."""

from __future__ import annotations

from airflow_client.client.api import dag_api, dag_stats_api
from airflow_client.client.model.dag import DAG


def main(client):
    api = dag_api.DAGApi(client)
    page = api.get_dags(limit=2, order_by="-dag_id", tags=["red"])
    little = api.get_dag("little")
    details = api.get_dag_details("little")
    tasks = api.get_tasks("little", order_by="task_id")
    second = api.get_task("little", "second")
    paused = api.patch_dag("little", DAG(is_paused=True), update_mask=["is_paused"])
    again = api.patch_dags("little", DAG(is_paused=False))
    stats = dag_stats_api.DagStatsApi(client).get_dag_stats("little")
    code = api.get_dag_source(little.file_token)
    parsed = api.reparse_dag_file(little.file_token)
    return [
        f"{page.total_entries} with the tag red, the first is {page.dags[0].dag_id}",
        f"{little.dag_id}: {little.schedule_interval.value}, tags {[t.name for t in little.tags]}",
        f"in {details.timezone} since {details.start_date:%Y-%m-%d}, says {details.doc_md!r}",
        f"tasks {[task.task_id for task in tasks.tasks]}",
        f"second: {second.trigger_rule}, {second.retry_delay.seconds} s, {second.class_ref.class_name}",
        f"paused {paused.is_paused}, then {again.dags[0].is_paused}",
        f"runs {sum(each.count for each in stats.dags[0].stats)}",
        f"code {'def number()' in code.content}, is parsed again {parsed}",
    ]


EXPECTED = [
    "2 with the tag red, the first is mapped",
    "little: 0 0 29 2 *, tags ['blue', 'red']",
    "in UTC since 2024-01-01, says '# Little'",
    "tasks ['first', 'second', 'third']",
    "second: none_failed, 420 s, BashOperator",
    "paused True, then False",
    "runs 2",
    "code True, is parsed again None",
]
