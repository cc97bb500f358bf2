"""Write example_states.json: how Airflow 2.10.5's own example DAGs end there, by `dag.test`.

The states of their tasks, and the XComs that these push.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2' httpx
and call
    AIRFLOW_HOME=$(mktemp -d) python example_states.py OUTPUT_FOLDER
A DAG that takes longer than two minutes, or that chance decides of, is left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

LEFT_OUT = {
    "example_branch_operator",  # chance
    "example_branch_labels",
    "example_branch_python_operator_decorator",
    "example_weekday_branch_operator",  # today
    "example_branch_datetime_operator",  # the time of the day
    "example_branch_datetime_operator_2",
    "example_branch_datetime_operator_3",
}
ONE = """
import json, sys
from airflow.models import DagBag
from airflow.utils import timezone

bag = DagBag(sys.argv[2], include_examples=False)
dag = bag.get_dag(sys.argv[1])
dag.test(execution_date=timezone.datetime(2024, 1, 1))
from airflow.models import DagRun
(run,) = DagRun.find(dag_id=sys.argv[1])
from airflow.models.xcom import XCom
from airflow.utils.session import create_session
named = lambda row: row.task_id if row.map_index < 0 else f"{row.task_id}[{row.map_index}]"
tasks = {named(ti): str(ti.state) for ti in run.get_task_instances()}
xcoms = {}
with create_session() as session:
    for row in session.query(XCom).filter(XCom.dag_id == sys.argv[1], XCom.run_id == run.run_id):
        xcoms.setdefault(named(row), {})[row.key] = row.value
answer = {"run": str(run.state), "tasks": dict(sorted(tasks.items())), "xcoms": xcoms}
print("ANSWER " + json.dumps(answer, sort_keys=True, default=repr))
"""


def answer_of(dag_id, fileloc):
    """Run one DAG in a process of its own; None if that took too long or failed."""
    command = [sys.executable, "-c", ONE, dag_id, fileloc]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    return json.loads(lines[-1].removeprefix("ANSWER ")) if lines else None


def main(folder):
    import airflow.example_dags
    from airflow.models import DagBag

    place = airflow.example_dags.__path__[0]
    subprocess.run(["airflow", "db", "migrate"], check=True, stdout=subprocess.DEVNULL)
    bag = DagBag(place, include_examples=False)
    files = {
        dag_id: dag.fileloc
        for dag_id, dag in sorted(bag.dags.items())
        if not dag.is_subdag and dag_id not in LEFT_OUT
    }
    answers = {dag_id: answer_of(dag_id, fileloc) for dag_id, fileloc in files.items()}
    for dag_id in [dag_id for dag_id, answer in answers.items() if answer is None]:
        print(dag_id, "is left out", file=sys.stderr)
    found = {
        dag_id: {"file": os.path.relpath(files[dag_id], place), **answer}
        for dag_id, answer in answers.items()
        if answer is not None
    }
    Path(folder, "example_states.json").write_text(json.dumps(found, indent=1) + "\n")


main(sys.argv[1])
