"""kill -9 of whatever takes part: every run ends right, no try starts twice, none is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing

import pytest

from fixtures.processes import all_processes
from fixtures.waits import DEADLINE_S

TASKS = 200
WIDE = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("wide", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=400) as dag:
    for number in range({tasks}):
        BashOperator(
            task_id=f"t{number}",
            bash_command="echo $AIRFLOW_CTX_TRY_NUMBER >> {starts}/" + f"t{number}; sleep 0.1",
        )
"""


@pytest.fixture
def starts(home, tmp_path):
    """A folder where each task of the DAG `wide` writes its try number when it starts."""
    folder = tmp_path / "starts"
    folder.mkdir()
    text = WIDE.replace("{tasks}", str(TASKS)).replace("{starts}", str(folder))
    home.dag("wide", text)
    return folder


def run_state(home):
    (state,) = home.run_states("wide").values()
    return state


def started(folder):
    return {path.name: path.read_text().split() for path in folder.iterdir()}


def settle(home, wait_until, starts, findings):
    """Wait for the run's end, and check what must hold of it."""
    wait_until(lambda: run_state(home) in {"success", "failed"}, "the run to end")
    assert run_state(home) == "success"
    assert findings() == []
    lines = started(starts)
    assert len(lines) == TASKS
    assert {tuple(tries) for tries in lines.values()} == {("1",)}, lines


def test_a_killed_worker_loses_nothing(home, make_cluster, wait_until, starts, findings):
    cluster = make_cluster().up(threads=8)
    with home.scheduler("DaskExecutor"):
        home.run("dags", "trigger", "wide")
        wait_until(lambda: len(started(starts)) >= 30, "30 tasks to start")
        os.kill(next(iter(cluster.worker_pids())), signal.SIGKILL)
        settle(home, wait_until, starts, findings)


def test_a_killed_dask_scheduler_loses_nothing(home, make_cluster, wait_until, starts, findings):
    cluster = make_cluster().up(threads=8)
    with home.scheduler("DaskExecutor"):
        home.run("dags", "trigger", "wide")
        wait_until(lambda: len(started(starts)) >= 30, "30 tasks to start")
        cluster.scheduler.kill()
        cluster.scheduler.wait(DEADLINE_S)
        cluster.start_scheduler()
        settle(home, wait_until, starts, findings)


def test_our_killed_scheduler_loses_nothing(home, make_cluster, wait_until, starts, findings):
    make_cluster().up(threads=8)
    home.run("dags", "trigger", "wide")
    with home.scheduler("DaskExecutor") as first:
        wait_until(lambda: len(started(starts)) >= 30, "30 tasks to start")
        first.kill()
    with home.scheduler("DaskExecutor"):
        settle(home, wait_until, starts, findings)


def test_stopped_task_hosts_are_replaced_and_nothing_waits_for_them(
    home, make_cluster, wait_until, starts, findings
):
    home.environ["AIRFLOW_LITE__SCHEDULER__BEAT_INTERVAL_S"] = "0.2"
    home.environ["AIRFLOW_LITE__SCHEDULER__BEAT_TIMEOUT_S"] = "1"
    home.run("db", "migrate")
    make_cluster().up(threads=8)
    with home.scheduler("DaskExecutor"):
        hosts = wait_until(lambda: task_hosts(home), "both task hosts")
        for host in hosts:
            os.kill(host, signal.SIGSTOP)
        home.run("dags", "trigger", "wide")
        settle(home, wait_until, starts, findings)
    assert not {*hosts} & {process.pid for process in all_processes()}


def task_hosts(home):
    """Return the processes of the two task hosts, once both have registered."""
    with closing(sqlite3.connect(home.folder / "airflow_lite.db")) as connection:
        hosts = connection.execute("SELECT pid FROM supervisor WHERE kind = 'host'").fetchall()
    return [pid for (pid,) in hosts] if len(hosts) == 2 else []
