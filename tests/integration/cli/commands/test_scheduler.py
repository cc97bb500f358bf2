"""The scheduler as a process: signals, stopping, and what it says."""

from __future__ import annotations

import signal

import pytest

from fixtures.waits import DEADLINE_S

SLEEPS = """
from airflow_lite import DAG, BashOperator
from datetime import datetime

with DAG("sleeps", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    first = BashOperator(task_id="first", bash_command="{command}")
    first >> BashOperator(task_id="second", bash_command="true")
"""

SIGNALS = """
import os, signal
from airflow_lite import DAG, PythonOperator
from datetime import datetime

def stop_scheduler():
    os.kill(os.getpid(), signal.SIGTERM)
    print("code goes on", flush=True)

with DAG("signals", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    PythonOperator(task_id="stops", python_callable=stop_scheduler)
"""


@pytest.fixture
def sleeps(home, tmp_path):
    """Write a DAG whose first task waits for the file `gate`, and trigger it.

    The task touches the file that is returned.
    """
    mark, gate = tmp_path / "mark", tmp_path / "gate"
    waits = f"touch {mark}; while [ ! -e {gate} ]; do sleep 0.05; done"
    home.dag("sleeps", SLEEPS.replace("{command}", waits))
    home.run("dags", "trigger", "sleeps", "-r", "one")
    yield mark
    gate.touch()


@pytest.fixture
def gate(tmp_path):
    """What the first task waits for."""
    return tmp_path / "gate"


def states(home):
    return home.states("sleeps", "one")


def test_a_stop_lets_running_tasks_end_and_begins_no_other(home, sleeps, gate, wait_until):
    with home.scheduler() as scheduler:
        wait_until(sleeps.exists, "the task to start")
        scheduler.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in scheduler.output(), "the stop to begin")
        gate.touch()
        assert scheduler.process.wait(DEADLINE_S) == 0
    assert states(home)["first"] == "success"
    assert states(home)["second"] is None
    assert "scheduler stopped" in scheduler.output()


def test_a_task_that_outlives_the_grace_is_recorded_by_its_host(home, sleeps, gate, wait_until):
    home.environ["AIRFLOW_LITE__SCHEDULER__SHUTDOWN_GRACE_S"] = "0.5"
    with home.scheduler() as scheduler:
        wait_until(sleeps.exists, "the task to start")
        assert scheduler.stop() == 0
    assert states(home)["first"] == "running"
    gate.touch()
    wait_until(lambda: states(home)["first"] == "success", "the host to record the task")


def test_a_second_signal_kills_what_runs(home, sleeps, wait_until):
    home.environ["AIRFLOW_LITE__SCHEDULER__SHUTDOWN_GRACE_S"] = "3600"
    with home.scheduler() as scheduler:
        wait_until(sleeps.exists, "the task to start")
        scheduler.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in scheduler.output(), "the stop to begin")
        scheduler.process.send_signal(signal.SIGTERM)
        assert scheduler.process.wait(DEADLINE_S) == 0
    assert "terminating" in scheduler.output()
    wait_until(lambda: states(home)["first"] != "running", "the task to be recorded")
    assert states(home)["first"] == "failed"


def test_a_stop_is_told_while_a_task_keeps_the_scheduler_s_own_thread(home):
    home.dag("signals", SIGNALS)
    home.run("dags", "trigger", "signals", "-r", "one")
    with home.scheduler("DebugExecutor") as scheduler:
        assert scheduler.process.wait(DEADLINE_S) == 0
    said = scheduler.output()
    assert said.count("stopping: ") == 1
    assert said.index("stopping: the task that runs ends first") < said.index("code goes on")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_a_task_on_the_scheduler_s_own_thread(
    home, sleeps, wait_until, number
):
    with home.scheduler("DebugExecutor") as scheduler:
        wait_until(sleeps.exists, "the task to start")
        scheduler.process.send_signal(number)
        wait_until(lambda: "stopping: " in scheduler.output(), "the stop to be told")
        assert scheduler.process.poll() is None
        scheduler.process.send_signal(number)
        assert scheduler.process.wait(DEADLINE_S) == 0
    assert "Traceback" not in scheduler.output()
    assert states(home)["first"] == "failed"


def test_a_dump_shows_what_is_active(home, sleeps, wait_until):
    with home.scheduler() as scheduler:
        wait_until(sleeps.exists, "the task to start")
        scheduler.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: "executor.running (1)" in scheduler.output(), "the executor's dump")
        assert "sleeps.first of one: " in scheduler.output()
        scheduler.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in scheduler.output(), "the stop to begin")
        scheduler.process.send_signal(signal.SIGTERM)
        assert scheduler.process.wait(DEADLINE_S) == 0


def test_num_runs_bounds_the_passes(home):
    done = home.run("--executor", "LocalExecutor", "scheduler", "--num-runs", "2")
    assert "scheduler stopped" in done.stderr


def test_an_executor_that_is_not_for_production_is_told(home):
    done = home.run("scheduler", "--num-runs", "1")
    assert "Do not use the SequentialExecutor in production." in done.stderr


def test_an_unknown_executor_is_refused_before_anything_is_made(home):
    home.environ["AIRFLOW_LITE_HOME"] = str(home.folder.parent / "new")
    done = home.run("--executor", "LocalExcutor", "scheduler", exit_code=1)
    assert done.stderr.count("\n") == 1
    assert "LocalExecutor" in done.stderr
    assert not (home.folder.parent / "new" / "airflow_lite.db").exists()


def test_an_executor_that_is_gone_is_told_with_the_tasks_that_wait_for_it(home, sleeps):
    home.execute(
        "UPDATE task_instance SET state = 'queued', attempt = :token, executor = 'GoneExecutor'"
        " WHERE task_id = 'first'",
        token="0" * 32,
    )
    done = home.run("--executor", "GoneExecutor", "scheduler", exit_code=1)
    assert done.stderr.count("\n") == 1
    assert "1 task stays queued for it" in done.stderr


def test_what_waits_for_the_halves_of_a_hybrid_that_is_gone_is_counted(home, sleeps):
    for number, (task_id, half) in enumerate(
        {"first": "LocalExecutor", "second": "KubernetesExecutor"}.items()
    ):
        home.execute(
            "UPDATE task_instance SET state = 'queued', attempt = :token, executor = :half"
            " WHERE task_id = :task_id",
            token=f"{number}" * 32,
            half=half,
            task_id=task_id,
        )
    home.environ["AIRFLOW_LITE_DISABLE_PLUGINS"] = "airflow-lite-local-k8s-executor"
    done = home.run("--executor", "LocalKubernetesExecutor", "scheduler", exit_code=1)
    assert done.stderr.count("\n") == 1
    assert "2 tasks stay queued for it" in done.stderr


def test_dags_test_runs_beside_a_scheduler(home, sleeps, gate):
    gate.touch()
    with home.scheduler():
        done = home.run("--executor", "LocalExecutor", "dags", "test", "sleeps", "--use-executor")
    assert "of sleeps: success" in done.stdout


def test_an_interrupted_dags_test_fails_its_run_and_its_task(home, sleeps, wait_until):
    home.environ["AIRFLOW_LITE__CORE__KILLED_TASK_CLEANUP_TIME"] = "1"
    done = home.start("dags", "test", "sleeps", "2024-01-02")
    wait_until(sleeps.exists, "the task to start")
    done.send_signal(signal.SIGINT)
    assert done.wait(DEADLINE_S) != 0
    runs = {row["run_id"]: row["state"] for row in home.json("dags", "list-runs", "-d", "sleeps")}
    assert runs["manual__2024-01-02T00:00:00+00:00__test"] == "failed"
