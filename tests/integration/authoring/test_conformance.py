"""Each task of the golden DAG, rendered and executed by itself, yields what Airflow 2.10.5 had."""

from __future__ import annotations

import json
from datetime import datetime
from types import SimpleNamespace

import pytest

from airflow_lite.authoring import macros
from airflow_lite.authoring.arguments.param import task_params
from airflow_lite.authoring.context import set_current_context
from airflow_lite.authoring.render import render_fields
from airflow_lite.parsing.load import load_file

TASKS = ("bash", "choose", "flaky", "gate", "make_numbers", "statistics", "push", "pull")


class TaskInstance:
    """A task instance whose upstream XComs are those that Airflow stored."""

    def __init__(self, task, stored):
        self.task, self.task_id, self.dag_id, self.try_number = task, task.task_id, task.dag_id, 1
        self.skip_decision = None
        self.pushed = {}
        self._stored = stored

    def xcom_push(self, key, value):
        self.pushed[key] = value

    def xcom_pull(self, task_ids, dag_id=None, key="return_value", default=None):
        if isinstance(task_ids, str):
            return self._stored.get(task_ids, {}).get("xcom", {}).get(key, default)
        return [
            self._stored[name]["xcom"][key]
            for name in task_ids
            if key in self._stored[name]["xcom"]
        ]


@pytest.fixture
def dag(golden_folder):
    return load_file(golden_folder / "conformance_dag.py")[0]


def context_of(task, golden):
    moment = datetime.fromisoformat(golden["trigger"]["logical_date"])
    instance = TaskInstance(task, golden["tasks"])
    conf = golden["trigger"]["conf"]
    return {
        "task": task,
        "ti": instance,
        "task_instance": instance,
        "dag_run": SimpleNamespace(run_id=golden["trigger"]["run_id"], conf=conf),
        "run_id": golden["trigger"]["run_id"],
        "logical_date": moment,
        "data_interval_end": moment,
        "ds": "2024-02-29",
        "ds_nodash": "20240229",
        "ts": moment.isoformat(),
        "ts_nodash": "20240229T123456",
        "macros": macros,
        "params": task_params(task, conf),
    }


@pytest.mark.parametrize("task_id", TASKS)
def test_a_task_of_the_golden_dag_yields_what_it_yielded_under_airflow(
    dag, golden, task_id, tmp_path, monkeypatch
):
    answers = golden("conformance_states")
    wanted = answers["tasks"][task_id]
    monkeypatch.setenv("CONFORMANCE_DIR", str(tmp_path))
    task = dag.get_task(task_id).prepare_for_execution()
    context = context_of(task, answers)
    (tmp_path / f"{context['run_id']}-flaky").write_text("x")  # it succeeds at its second call

    rendered = render_fields(task, context)
    with set_current_context(context):
        value = task.execute(context)

    assert rendered.items() >= wanted.get("rendered", {}).items()
    assert json.loads(json.dumps(value)) == wanted["xcom"].get("return_value")
    assert context["ti"].skip_decision == wanted["xcom"].get("skipmixin_key")
    if task.multiple_outputs:
        assert value.items() <= wanted["xcom"].items()


def test_every_answer_that_airflow_stored_is_compared(golden):
    stored = {name for name, row in golden("conformance_states")["tasks"].items() if row["xcom"]}

    assert stored == set(TASKS)
