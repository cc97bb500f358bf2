"""`airflow-lite debug run` runs a DAG in one process, where a breakpoint works."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

DAG = """
import os
from datetime import datetime
from pathlib import Path

from airflow_lite import DAG, PythonSensor, task

SEEN = Path(os.environ["SEEN"])

def note(name):
    with SEEN.open("a") as file:
        print(name, os.getpid(), file=file)

with DAG("good", start_date=datetime(2024, 1, 1), schedule=None):
    @task
    def first():
        note("first")
        return 20

    @task
    def second(value):
        note("second")
        assert value == 20

    second(first())

with DAG("bad", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=1):
    @task(priority_weight=10)
    def breaks():
        treasure = "found" + " it"
        note("breaks")
        raise ValueError("broken on purpose")

    @task
    def independent():
        note("independent")

    breaks()
    independent()

def looked():
    note("looked")
    return "beside" in SEEN.read_text()  # never, if the sensor kept its place

with DAG("waiting", start_date=datetime(2024, 1, 1), schedule=None):
    sensor = PythonSensor(
        task_id="sensor", python_callable=looked, poke_interval=3, timeout=60, priority_weight=9
    )

    @task
    def beside():
        note("beside")

    beside()
"""
TIMEOUT_S = 60


class Home:
    """A home with the DAG file, and the command line on it."""

    def __init__(self, directory):
        self.seen = directory / "seen"
        (directory / "dags").mkdir()
        (directory / "dags" / "debugged.py").write_text(DAG)
        self.environ = {
            **{name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
            "AIRFLOW_LITE_HOME": str(directory),
            "AIRFLOW_LITE__CORE__EXECUTOR": "DebugExecutor",
            "SEEN": str(self.seen),
        }

    def cli(self, *words, given=""):
        return subprocess.run(
            [sys.executable, "-m", "airflow_lite", *words],
            env=self.environ,
            input=given,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def noted(self):
        return [line.split() for line in self.seen.read_text().splitlines()]

    def states(self, dag_id):
        runs = json.loads(self.cli("dags", "list-runs", "-d", dag_id, "-o", "json").stdout)
        found = self.cli("tasks", "states-for-dag-run", dag_id, runs[0]["run_id"], "-o", "json")
        return {row["task_id"]: row["state"] for row in json.loads(found.stdout)}


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def test_a_run_succeeds_with_every_task_in_one_process(home):
    done = home.cli("debug", "run", "good", "2024-01-31")
    assert done.returncode == 0, done.stderr
    names, pids = zip(*home.noted(), strict=True)
    assert names == ("first", "second")
    assert len(set(pids)) == 1
    assert home.states("good") == {"first": "success", "second": "success"}


def test_a_failed_run_exits_with_one_and_other_tasks_go_on(home):
    assert home.cli("debug", "run", "bad").returncode == 1
    assert home.states("bad") == {"breaks": "failed", "independent": "success"}


def test_with_fail_fast_nothing_runs_after_the_first_failure(home):
    assert home.cli("debug", "run", "bad", "--fail-fast").returncode == 1
    assert [name for name, _ in home.noted()] == ["breaks"]
    assert home.states("bad") == {"breaks": "failed", "independent": "upstream_failed"}


def test_pdb_opens_in_the_frame_that_raised(home):
    done = home.cli("debug", "run", "bad", "--pdb", given="p treasure\nquit\n")
    assert "(Pdb) 'found it'" in done.stdout + done.stderr
    assert home.states("bad")["breaks"] == "failed"


def test_a_sensor_lets_other_tasks_run_between_two_looks(home):
    done = home.cli("debug", "run", "waiting")
    assert done.returncode == 0, done.stdout + done.stderr
    names = [name for name, _ in home.noted()]
    assert names == ["looked", "beside", "looked"]
    assert home.states("waiting") == {"sensor": "success", "beside": "success"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "good", "yesterday"], "LOGICAL_DATE: 'yesterday' is not a date"),
        (["run", "nowhere"], "There is no DAG 'nowhere'"),
    ],
)
def test_a_mistake_is_told_in_one_line(home, words, message):
    done = home.cli("debug", *words)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("airflow-lite: error: ")
    assert message in last
    assert "Traceback" not in done.stderr


def test_under_another_executor_the_group_says_what_enables_it(home):
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "LocalExecutor"
    done = home.cli("debug", "run", "good")
    assert (done.returncode, done.stderr) == (
        1,
        "airflow-lite: error: The commands of 'debug' come with DebugExecutor, and "
        "AIRFLOW_LITE__CORE__EXECUTOR is 'LocalExecutor'. Run `airflow-lite --executor DebugExecutor debug …`, or set [core] "
        "executor = DebugExecutor.\n",
    )
