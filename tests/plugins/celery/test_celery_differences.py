"""Workers that differ from the scheduler's machine: told, and still each task runs right."""

from __future__ import annotations

import re

import kombu
import pytest

from airflow_lite.config import Config
from airflow_lite.hooks import HealthContext
from airflow_lite.plugins.groups import load_group
from airflow_lite_celery_executor.plugin import check_health

DAG = """
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator
HOME = os.environ["AIRFLOW_LITE_HOME"]

def gated():
    with open(os.path.join(HOME, "started"), "a") as file:
        file.write("x")
    while not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.02)

with DAG("d", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="long", python_callable=gated) >> PythonOperator(
        task_id="next", python_callable=print
    )
"""
#: Beats of a task host after which it would be given up, were it judged by its clock.
BEATS = 3


@pytest.fixture
def older(home, workers, tmp_path):
    """A worker with an older kombu, whose clock is 10 minutes behind."""
    folder = tmp_path / "older"
    package = folder / "kombu-5.6.99.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: kombu\nVersion: 5.6.99\n")
    clock = "import time\nright = time.time\ntime.time = lambda: right() - 600\n"
    clock += "right_ns = time.time_ns\ntime.time_ns = lambda: right_ns() - 600 * 10**9\n"
    (folder / "sitecustomize.py").write_text(clock)
    home.environ["AIRFLOW_LITE__SCHEDULER__BEAT_INTERVAL_S"] = "1"
    home.run("db", "migrate")
    home.environ["PYTHONPATH"] = str(folder)
    workers.start("older", "-c", "1")
    del home.environ["PYTHONPATH"]


def with_worker(home):
    """Return what is told of the first queue, once its worker answers."""
    queue = home.json("celery", "status")[0]
    return queue if queue["workers"] else None


def check_told(home, wait_until):
    """See that all who ask about the worker are told in what it differs."""
    (row,) = wait_until(lambda: home.json("celery", "list-workers"), "the worker to answer")
    version, skew = row["faults"]
    here = kombu.__version__
    assert version == f"has kombu 5.6.99, this machine {here}: install the same everywhere"
    assert re.fullmatch(r"has a clock that is \d+ s behind: set it", skew)
    assert -600 <= row["clock_skew_s"] < -500
    queue = wait_until(lambda: with_worker(home), "it to answer again")
    assert queue["faults"][0] == f"celery@older {version}"
    assert "celery@older has a clock that is" in queue["faults"][1]
    (skew_s,) = queue["clock_skew_s"]
    assert -600 <= skew_s < -500
    assert f"celery@older {version}" in home.run("celery", "status").stdout
    config = Config.load(home.environ)
    load_group("celery", config)
    report = check_health(HealthContext(config, 10.0))
    assert report is not None
    assert not report.healthy
    assert f"celery@older {version}; celery@older has a clock that is" in report.message


@pytest.mark.usefixtures("older")
def test_a_worker_of_another_version_with_a_slow_clock_is_told_and_runs_tasks_right(
    home, workers, wait_until, findings
):
    home.dag("d", DAG)
    beats = "SELECT max(beat_count) FROM supervisor"
    with home.scheduler("CeleryExecutor") as running:
        home.run("dags", "trigger", "d", "-r", "r")
        wait_until((home.folder / "started").exists, "the first task to begin")
        check_told(home, wait_until)
        wait_until(lambda: home.execute(beats)[0][0] >= BEATS, "its host to beat")
        (home.folder / "gate").touch()
        state = "SELECT state FROM dag_run"
        wait_until(lambda: home.execute(state) == [("success",)], "the run to end")
    rows = home.execute("SELECT DISTINCT state, try_number FROM task_instance")
    assert rows == [("success", 1)]
    assert (home.folder / "started").read_text() == "x"
    assert findings() == []
    for output in (running.output(), workers.output()):
        assert "Traceback" not in output
