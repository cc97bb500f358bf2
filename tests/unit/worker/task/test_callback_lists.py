"""Of a list of callbacks each is called, in order, whatever the others raise, as in Airflow."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from airflow_lite import DAG, BaseNotifier, PythonOperator
from airflow_lite.errors import AirflowSkipException
from airflow_lite.worker.messages import AttemptRequest
from airflow_lite.worker.task.execution import Execution, kept_environment
from airflow_lite.worker.task.store_client import StoreClient
from fixtures.goldens import read_golden

GOLDEN = read_golden("callbacks")["lists"]
RUN: dict[str, Any] = {
    **dict.fromkeys(("id", "clear_number", "logical_us", "interval_start_us"), 7),
    **dict.fromkeys(("interval_end_us", "queued_us", "start_us", "end_us"), 8),
    "dag_id": "d",
    "run_id": "r",
    "run_type": "manual",
    "state": "running",
    "conf": {},
    "external_trigger": True,
}


class Nowhere(StoreClient):
    """A store of nothing."""

    def push(self, key, value):
        pass

    def rendered(self, fields):
        pass

    def ask(self, question):
        return None


@pytest.fixture(autouse=True)
def environment():
    with kept_environment():
        yield


def run(task, try_number=1):
    request = AttemptRequest(
        ("d", task.task_id, "r", try_number, -1, "a" * 32),
        RUN,
        max_tries=task.retries,
        start_us=0,
    )
    execution = Execution(request, task, Nowhere())
    outcome = execution.run()
    execution.call_back()
    return execution.ti.state or outcome.state


def boom():
    raise ValueError("boom")


def skip():
    raise AirflowSkipException("skip")


def three(name, seen):
    """Return three callbacks, of which the second raises."""

    def call(number):
        def function(context):
            seen.append(f"{name} {number}")
            if number == 2:
                raise ValueError("a callback")

        return function

    return [call(1), call(2), call(3)]


@pytest.mark.parametrize("case", GOLDEN)
def test_the_lists_of_a_task_are_called_as_in_airflow(case):
    kind, retries = case.split(", ")
    seen: list[str] = []
    names = ("on_execute", "on_success", "on_failure", "on_retry", "on_skipped")
    task = PythonOperator(
        task_id="t",
        dag=DAG("d", schedule=None, start_date=datetime(2024, 1, 1)),
        python_callable={"success": bool, "failure": boom, "skipped": skip}[kind],
        retries=int(retries.split()[0]),
        **{f"{name}_callback": three(name, seen) for name in names},
    )
    if run(task) == "up_for_retry":
        run(task, try_number=2)

    assert seen == [line for line in GOLDEN[case] if not line.startswith("dag ")]


def test_a_notifier_that_tasks_share_is_rendered_for_each(capsys):
    class Note(BaseNotifier):
        template_fields = ("text",)

        def __init__(self):
            self.text = "{{ ti.task_id }}"

        def notify(self, context):
            print("sent:", self.text)

    shared = Note()
    for task_id in ("a", "b"):
        dag = DAG("d", schedule=None, start_date=datetime(2024, 1, 1))
        run(
            PythonOperator(
                task_id=task_id, dag=dag, python_callable=bool, on_success_callback=[shared]
            )
        )

    sent = [line for line in capsys.readouterr().out.splitlines() if line.startswith("sent:")]
    assert sent == ["sent: a", "sent: b"]
