"""Schedulers in containers of one machine that share its host name, as with `hostNetwork`."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from fixtures.namespaces import in_namespace
from fixtures.processes import processes_of

DAG = """
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator

HOME = os.environ["AIRFLOW_LITE_HOME"]

def wait():
    with open(os.path.join(HOME, "started"), "a") as file:
        file.write("started\\n")
    while not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.05)

with DAG("long", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="a", python_callable=wait)
"""
#: Process 1 of a container: it goes on though the scheduler is killed.
_INIT = f'"{sys.executable}" -m airflow_lite --executor LocalExecutor scheduler & wait; sleep 600'


@pytest.mark.sqlite  # elsewhere the lease of the first has to run out
def test_a_task_that_runs_in_another_namespace_is_not_taken_for_lost(home, wait_until):
    home.dag("long", DAG)
    home.run("dags", "trigger", "long", "-r", "r")
    started = home.folder / "started"
    with (home.folder / "inner.out").open("wb") as output:
        inner = subprocess.Popen(
            in_namespace("sh", "-c", _INIT), env=home.environ, stdout=output, stderr=output
        )
    try:
        wait_until(started.exists, "the task to start")
        os.kill(_scheduler_of(home), signal.SIGKILL)
        with home.scheduler() as second:
            wait_until(lambda: "scheduler started" in second.output(), "the second scheduler")
            seen = _beats(home)
            wait_until(lambda: _beats(home) >= seen + 3, "looks of the second scheduler")
            (home.folder / "gate").touch()
            wait_until(lambda: _state(home) in {"success", "failed"}, "the run to end")
    finally:
        inner.kill()
        inner.wait()

    assert "process is gone" not in second.output()
    assert _state(home) == "success"
    assert started.read_text() == "started\n"


def _scheduler_of(home):
    (found,) = (
        process.pid
        for process in processes_of(home.folder)
        if process.command.rstrip().endswith("scheduler") and "sh -c" not in process.command
    )
    return found


def _beats(home):
    """Return how often the task host has said that it lives."""
    path = home.folder / "airflow_lite.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT sum(beat_count) FROM supervisor").fetchone()[0]


def _state(home):
    return home.json("dags", "list-runs", "-d", "long")[0]["state"]
