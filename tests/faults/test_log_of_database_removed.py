"""Somebody removes airflow_lite.db-wal and -shm: a clean-up job, a restore that was cut short."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from fixtures import waits
from fixtures.processes import processes_of
from fixtures.waits import DEADLINE_S

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

with DAG("one", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="a", python_callable=wait)
"""


@pytest.mark.sqlite
def test_a_scheduler_says_so_and_ends_and_its_host_too_and_nothing_is_spoilt(home, wait_until):
    home.dag("one", DAG)
    path = home.folder / "airflow_lite.db"
    with home.scheduler(expect_exit=1) as scheduler:
        home.run("dags", "trigger", "one", "-r", "r")
        wait_until((home.folder / "started").exists, "the task to start")
        for suffix in ("-wal", "-shm"):
            (home.folder / f"airflow_lite.db{suffix}").unlink()
        assert scheduler.process.wait(DEADLINE_S) == 1
        waits.wait_until(lambda: not processes_of(home.folder), "its processes to end")
        output = scheduler.output()

    assert "a part of the metadata database, was removed or moved while this scheduler" in output
    assert "the task host gives up" in output
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    (home.folder / "gate").touch()
    with home.scheduler() as another:
        wait_until(lambda: "scheduler started" in another.output(), "the scheduler to start")
        wait_until(lambda: _state(home) in {"success", "failed"}, "the run to end")
    assert _state(home) == "failed"  # its try was lost
    assert (home.folder / "started").read_text() == "started\n"


def _state(home):
    return home.json("dags", "list-runs", "-d", "one")[0]["state"]
