"""A worker that cannot run attempts gets none, and everyone is told why."""

from __future__ import annotations

import os
import signal

import pytest

WIDE = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("wide", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=100) as dag:
    for number in range(40):
        BashOperator(task_id=f"t{number}", bash_command="true")
"""


@pytest.fixture
def start_worker_with(home):
    """Start a worker of a cluster with other settings than the home's."""

    def start(cluster, name, **settings):
        before = dict(home.environ)
        home.environ.update(settings)
        try:
            cluster.start_worker(name, "--nthreads", "4")
        finally:
            home.environ.clear()
            home.environ.update(before)

    return start


def run_wide(home, run_id):
    """Run the DAG; return how often each of its tasks was queued."""
    home.run("dags", "trigger", "wide", "-r", run_id, "--wait")
    rows = [home.json("tasks", "history", "wide", f"t{n}", run_id) for n in (0, 20, 39)]
    return [sum(row["to"] == "queued" for row in history) for history in rows]


def test_a_worker_with_another_database_gets_nothing(
    home, make_cluster, wait_until, start_worker_with, tmp_path
):
    home.dag("wide", WIDE)
    cluster = make_cluster()
    cluster.start_scheduler()
    cluster.start_worker("worker-1", "--nthreads", "2")
    cluster.wait_for_workers("worker-1")
    other = tmp_path / "other.db"
    with home.scheduler("DaskExecutor") as running:
        wait_until(lambda: "scheduler started" in running.output(), "the scheduler")
        settings = {"AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{other}"}
        start_worker_with(cluster, "worker-2", **settings)
        wait_until(lambda: "gets no tasks: it uses the SQLite" in running.output(), "the notice")
        assert run_wide(home, "r") == [1, 1, 1]
        rows = home.json("dask", "status")
    (line,) = [line for line in running.output().splitlines() if "gets no tasks" in line]
    fault = f"it uses the SQLite file '{other}', the scheduler '{home.folder / 'airflow_lite.db'}'"
    assert fault in line
    assert line.count("\n") == 0
    worker_log = (home.folder / "worker-2.out").read_text()
    assert f"This Dask worker gets no tasks: {fault}" in worker_log
    states = sorted(row["state"] for row in rows)
    assert [state.partition(". ")[0] for state in states] == [fault, "ready"]


def test_a_worker_whose_host_cannot_start_gives_back_and_is_set_aside(
    home, make_cluster, wait_until, start_worker_with
):
    home.dag("wide", WIDE)
    cluster = make_cluster()
    cluster.start_scheduler()
    cluster.start_worker("worker-1", "--nthreads", "2")
    start_worker_with(cluster, "worker-2", AIRFLOW_LITE__DATABASE__SQLITE_SYNCHRONOUS="SOMETIMES")
    cluster.wait_for_workers("worker-1", "worker-2")
    with home.scheduler("DaskExecutor") as running:
        run_wide(home, "r")
        wait_until(lambda: "gets no tasks: its task host" in running.output(), "the notice")
        assert run_wide(home, "s") == [1, 1, 1]
        states = sorted(row["state"] for row in home.json("dask", "status"))
        doctor = home.run("plugins", "doctor", exit_code=None).stdout
    assert states == [
        "its task host cannot start: [database] sqlite_synchronous is 'SOMETIMES'. "
        "Make it NORMAL or FULL.",
        "ready",
    ]
    assert "its task host cannot start" in doctor


def test_the_successor_of_a_killed_worker_gets_what_only_that_one_might_have_had(
    home, make_cluster, wait_until, tmp_path
):
    started = tmp_path / "started"
    text = WIDE.replace('"true"', f'f"echo t{{number}} >> {started}; sleep 0.2"')
    home.dag("wide", text)
    cluster = make_cluster()
    # Not known as loopback: with SQLite, only workers that were looked at are sent anything.
    home.environ["AIRFLOW_LITE__DASK__CLUSTER_ADDRESS"] = f"127.0.0.2:{cluster.port}"
    cluster.start("dask-scheduler", "scheduler", "--host", "127.0.0.2", "--port", str(cluster.port))
    cluster.start_worker("worker-1", "--nthreads", "2")
    cluster.wait_for_workers("worker-1")
    with home.scheduler("DaskExecutor"):
        home.run("dags", "trigger", "wide", "-r", "r")
        wait_until(lambda: started.exists() and len(started.read_text().split()) > 4, "five tasks")
        os.kill(next(iter(cluster.worker_pids())), signal.SIGKILL)
        ended = {"success", "failed"}
        wait_until(
            lambda: home.json("dags", "list-runs", "-d", "wide")[0]["state"] in ended, "the run"
        )
    assert home.json("dags", "list-runs", "-d", "wide")[0]["state"] == "success"
    assert sorted(started.read_text().split()) == sorted(f"t{number}" for number in range(40))
