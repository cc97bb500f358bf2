"""Callbacks of DAG runs and of lost attempts, called in processes of their own."""

from __future__ import annotations

import json
import os
import signal

from fixtures.processes import children_of

CALLS = """
from airflow_lite import DAG, BashOperator, PythonOperator
from datetime import datetime

def note(context):
    with open("{calls}", "a") as file:
        print(context["dag_run"].run_id, context.get("reason", "")[:5], file=file)

def pid():
    import os, time
    with open("{pid}.new", "w") as file:
        file.write(str(os.getppid()))
    os.rename("{pid}.new", "{pid}")
    time.sleep(60)

def broken(context):
    raise ValueError("a callback")

with DAG("good", start_date=datetime(2024, 1, 1), schedule=None, on_success_callback=[broken, note]):
    BashOperator(task_id="a", bash_command="true")

with DAG("bad", start_date=datetime(2024, 1, 1), schedule=None, on_failure_callback=note):
    BashOperator(task_id="a", bash_command="false")

def vanish():
    import os
    os._exit(7)

with DAG("gone", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="a", python_callable=vanish, retries=1, retry_delay=0,
                   on_failure_callback=note, on_retry_callback=note)

with DAG("lost", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="a", python_callable=pid, on_failure_callback=note)
"""


def write(home, tmp_path):
    calls, pid = tmp_path / "calls", tmp_path / "pid"
    home.dag("calls", CALLS.replace("{calls}", str(calls)).replace("{pid}", str(pid)))
    return calls, pid


def test_the_end_of_a_run_calls_the_callback_of_its_dag(home, tmp_path, wait_until):
    calls, _ = write(home, tmp_path)
    with home.scheduler():
        home.run("dags", "trigger", "good", "-r", "one", "--wait", "--timeout", "100")
        wait_until(lambda: calls.exists() and calls.read_text(), "the callback of the success")
        home.run("dags", "trigger", "bad", "-r", "two", "--wait", "--timeout", "100", exit_code=1)
        wait_until(lambda: calls.read_text().count("\n") == 2, "the callback of the failure")
    assert calls.read_text().split() == ["one", "succe", "two", "task_"]


def test_dags_test_ends_after_its_callbacks(home, tmp_path):
    calls, _ = write(home, tmp_path)
    home.run("dags", "test", "good")
    assert calls.read_text().count("\n") == 1


def test_an_attempt_that_was_lost_has_its_callback_called(home, tmp_path, wait_until):
    calls, pid = write(home, tmp_path)
    with home.scheduler() as scheduler:
        home.run("dags", "trigger", "lost", "-r", "three")
        wait_until(pid.exists, "the task to start")
        (host,) = children_of(scheduler.pid, "worker.host.main")
        os.kill(host, signal.SIGKILL)
        wait_until(lambda: calls.exists() and calls.read_text(), "the callback of the lost try")
    assert calls.read_text().split() == ["three", "lost:"]


def test_a_task_whose_process_vanished_has_its_callbacks_called(home, tmp_path, wait_until):
    calls, _ = write(home, tmp_path)
    with home.scheduler():
        home.run("dags", "trigger", "gone", "-r", "four", "--wait", "--timeout", "100", exit_code=1)
        wait_until(lambda: calls.exists() and calls.read_text().count("\n") == 2, "both callbacks")
    assert calls.read_text().split() == ["four", "ended", "four", "ended"]


def test_runs_that_fail_of_any_dag_are_alerted_of_and_a_failure_of_that_is_logged(
    home, tmp_path, wait_until
):
    alerts = tmp_path / "alerts"
    home.environ["AIRFLOW_LITE__ALERTS__ON_FAILURE_COMMAND"] = f"tee -a {alerts}"
    home.environ["AIRFLOW_LITE__ALERTS__ON_FAILURE_URL"] = "http://127.0.0.1:9/x"
    write(home, tmp_path)
    with home.scheduler() as scheduler:
        home.run("dags", "trigger", "good", "-r", "one", "--wait", "--timeout", "100")
        home.run("dags", "trigger", "bad", "-r", "two", "--wait", "--timeout", "100", exit_code=1)
        wait_until(
            lambda: "the alert of run 'two' of DAG 'bad' was not sent" in scheduler.output(),
            "what could not be sent",
        )
    (line,) = alerts.read_text().splitlines()
    assert json.loads(line)["text"] == "Run two of DAG bad failed: a failed"
    log = home.folder / "logs/dag_id=bad/run_id=two/callbacks.log"
    assert "Sending an alert: Run two of DAG bad failed: a failed" in log.read_text()
