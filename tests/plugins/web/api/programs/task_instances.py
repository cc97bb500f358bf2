"""Look at task instances and their tries; note on them, mark them, clear them."""

from __future__ import annotations

from airflow_client.client.api import dag_api, task_instance_api
from airflow_client.client.model.clear_task_instances import ClearTaskInstances
from airflow_client.client.model.list_task_instance_form import ListTaskInstanceForm
from airflow_client.client.model.set_task_instance_note import SetTaskInstanceNote
from airflow_client.client.model.task_state import TaskState
from airflow_client.client.model.update_task_instance import UpdateTaskInstance
from airflow_client.client.model.update_task_instances_state import UpdateTaskInstancesState
from airflow_client.client.model.update_task_state import UpdateTaskState


def main(client):
    api, dags = task_instance_api.TaskInstanceApi(client), dag_api.DAGApi(client)
    of_run = api.get_task_instances("little", "one", state=["success"])
    fail = api.get_task_instance("failing", "bad", "fail")
    first_try = api.get_task_instance_try_details("failing", "bad", "fail", 1)
    mapped = api.get_mapped_task_instances("mapped", "three", "each", order_by="-map_index")
    index = api.get_mapped_task_instance("mapped", "three", "each", 1)
    form = ListTaskInstanceForm(dag_ids=["failing"], state=[TaskState("failed")])
    batch = api.get_task_instances_batch(form)
    note = SetTaskInstanceNote(note="a note")
    noted = api.set_task_instance_note("little", "one", "second", note)
    marked = api.patch_task_instance(
        "little",
        "one",
        "third",
        UpdateTaskInstance(dry_run=False, new_state=UpdateTaskState("skipped")),
    )
    would = dags.post_set_task_instances_state(
        "little",
        UpdateTaskInstancesState(
            dry_run=True,
            task_id="second",
            dag_run_id="one",
            include_upstream=False,
            include_downstream=True,
            include_future=False,
            include_past=False,
            new_state=UpdateTaskState("failed"),
        ),
    )
    clear = ClearTaskInstances(dry_run=True, dag_run_id="bad")
    cleared = dags.post_clear_task_instances("failing", clear)
    links = api.get_extra_links("caller", "calling", "calls")
    return [
        f"{of_run.total_entries} ended well",
        f"{fail.task_id}: {fail.state} at try {fail.try_number} of {fail.max_tries + 1}",
        f"try 1: {first_try.state}, {first_try.duration >= 0}",
        f"indexes {[each.map_index for each in mapped.task_instances]}, {index.state}",
        f"failed {[each.task_id for each in batch.task_instances]}",
        f"noted {noted.note!r}, marked {marked.task_id}",
        f"would mark {[each.task_id for each in would.task_instances]}",
        f"would clear {[each.task_id for each in cleared.task_instances]}",
        f"leads to {links['Triggered DAG']}",
    ]


EXPECTED = [
    "3 ended well",
    "fail: failed at try 2 of 2",
    "try 1: failed, True",
    "indexes [2, 1, 0], success",
    "failed ['fail']",
    "noted 'a note', marked third",
    "would mark ['second', 'third']",
    "would clear ['fail', 'after']",
    "leads to /dags/daily/runs/called",
]
