"""`airflow-lite tasks run` of one queued attempt, as a worker or a pod runs it: what it starts."""

from __future__ import annotations

import json
import os
import sys

import pytest

from fixtures.hosted import TASK_DECORATOR

DAG_FILE = (
    "import json, os, sys\nfrom datetime import datetime\n"
    "from airflow_lite import DAG, PythonOperator, PythonSensor\n"
    + TASK_DECORATOR
    + """
def parent(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])

def words(pid):
    with open(f"/proc/{pid}/cmdline") as file:
        return file.read().split("\\0")[:-1]

@task()
def looks():
    pid, lines = os.getpid(), []
    for _ in range(4):
        lines.append(words(pid))
        pid = parent(pid)
    note("seen", json.dumps([lines, sorted(sys.modules)]))

def is_second_look():
    note("looks", "x")
    with open(os.path.join(HOME, "looks")) as file:
        return len(file.readlines()) == 2

PythonSensor(task_id="waits", python_callable=is_second_look, poke_interval=0.01, dag=dag)
"""
)


@pytest.fixture
def hosted(make_hosted):
    return make_hosted(DAG_FILE)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_an_attempt_is_run_in_forks_of_its_command_that_import_what_it_needs(hosted):
    token = hosted.queue("looks")
    words = ("hosted", "looks", "run", "--try-number", "1", "--attempt", token)
    hosted.home.run("tasks", "run", *words)

    assert hosted.row("looks").state == "success"
    (seen,) = (hosted.home.folder / "seen").read_text().splitlines()
    lines, modules = json.loads(seen)
    # Its own process, those of its file's zygote and of the base zygote, and the command's.
    assert all(line[-len(words) :] == list(words) for line in lines), lines
    needless = {"sqlalchemy", "jinja2", "airflow_lite.worker.zygote.warm_up"}
    assert needless.isdisjoint(modules)


def test_an_attempt_that_is_not_queued_is_not_run(hosted):
    token = hosted.queue("looks")
    hosted.mark("looks", "success")
    words = ("hosted", "looks", "run", "--try-number", "1", "--attempt", token)
    hosted.home.run("tasks", "run", *words, exit_code=3)

    assert not os.path.exists(hosted.home.folder / "seen")


@pytest.mark.parametrize(
    ("executor", "state"), [("LocalExecutor", "success"), ("DebugExecutor", "up_for_reschedule")]
)
def test_a_sensor_asks_what_its_executor_makes_of_sensors(hosted, executor, state):
    hosted.home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = executor
    token = hosted.queue("waits")
    words = ("hosted", "waits", "run", "--try-number", "1", "--attempt", token)
    hosted.home.run("tasks", "run", *words)

    assert hosted.row("waits").state == state
