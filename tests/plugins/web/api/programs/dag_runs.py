"""Make a run, find it, note on it, mark it, clear it and delete it."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_client.client import ApiException
from airflow_client.client.api import dag_run_api
from airflow_client.client.model.clear_dag_run import ClearDagRun
from airflow_client.client.model.dag_run import DAGRun
from airflow_client.client.model.list_dag_runs_form import ListDagRunsForm
from airflow_client.client.model.set_dag_run_note import SetDagRunNote
from airflow_client.client.model.update_dag_run_state import UpdateDagRunState


def main(client):
    api = dag_run_api.DAGRunApi(client)
    date = datetime(2024, 5, 1, tzinfo=UTC)
    made = api.post_dag_run(
        "little", DAGRun(dag_run_id="api", logical_date=date, conf={"p": "five"})
    )
    try:
        api.post_dag_run("little", DAGRun(dag_run_id="api"))
        twice = "made twice"
    except ApiException as error:
        twice = f"{error.status} {error.reason}"
    found = api.get_dag_runs("little", execution_date_gte=date, order_by="-execution_date")
    batch = api.get_dag_runs_batch(ListDagRunsForm(dag_ids=["little"], states=["success"]))
    noted = api.set_dag_run_note("little", "api", SetDagRunNote(note="by a program"))
    ended = api.update_dag_run_state("little", "api", UpdateDagRunState(state="success"))
    # Of two shapes, which the client leaves as they come.
    would = api.clear_dag_run("little", "api", ClearDagRun(dry_run=True))
    cleared = api.clear_dag_run("little", "api", ClearDagRun(dry_run=False))
    api.delete_dag_run("little", "api")
    return [
        f"{made.dag_run_id} {made.state} {made.conf}, {twice}",
        f"found {[run.dag_run_id for run in found.dag_runs]}",
        f"{batch.total_entries} ended well before",
        f"noted {noted.note!r}, ended {ended.state}",
        f"would clear {len(would['task_instances'])}, is {cleared['state']}",
        f"left {api.get_dag_runs('little').total_entries}",
    ]


EXPECTED = [
    "api queued {'p': 'five'}, 409 Conflict",
    "found ['api']",
    "2 ended well before",
    "noted 'by a program', ended success",
    "would clear 3, is queued",
    "left 2",
]
