"""kill -9 of the scheduler: what runs goes on, nothing is lost, nothing starts twice in a try."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

TASKS = 100
DAG_FILE = f"""
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def work(ti, **_):
    line = f"{{ti.task_id}} {{ti.try_number}}\\n".encode()
    file = os.open(os.environ["STARTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line)
    os.close(file)
    time.sleep(0.2)

with DAG("hundred", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=1000):
    for number in range({TASKS}):
        PythonOperator(task_id=f"t{{number}}", python_callable=work)
"""


def starts(home):
    path = Path(home.environ["STARTS"])
    return path.read_text().splitlines() if path.exists() else []


def run_state(home):
    with closing(sqlite3.connect(home.folder / "airflow_lite.db")) as connection:
        rows = connection.execute("SELECT state FROM dag_run").fetchall()
    return rows[0][0] if rows else None


def processes_of(home):
    """Return the ids of living processes, zombies aside, that were started for this home."""
    mark = f"AIRFLOW_LITE_HOME={home.folder}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            environ = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in environ:
            found.append(int(folder.name))
    return found


def test_a_killed_schedulers_tasks_finish_and_the_next_one_does_the_rest(home, wait_until):
    home.dag("hundred", DAG_FILE)
    home.environ["STARTS"] = str(home.folder / "starts")
    # Given a scheduler in the middle of a hundred parallel tasks
    with home.scheduler() as first:
        home.run("dags", "trigger", "hundred", "-r", "one")
        wait_until(lambda: len(starts(home)) >= 30, "thirty tasks to start")
        # When it is killed
        first.kill()
        assert len(starts(home)) < TASKS
    # Then the next one ends the run as a success
    with home.scheduler():
        wait_until(lambda: run_state(home) in {"success", "failed"}, "the run to end")
    assert run_state(home) == "success"
    # And every task started once, on its first try
    assert Counter(starts(home)) == Counter(f"t{number} 1" for number in range(TASKS))
    # And nobody is left behind
    wait_until(lambda: not processes_of(home), "every process to end")


def test_a_clean_stop_leaves_no_process(home, wait_until):
    home.dag("hundred", DAG_FILE)
    home.environ["STARTS"] = str(home.folder / "starts")
    with home.scheduler():
        home.run("dags", "trigger", "hundred", "-r", "one", "--wait")
    wait_until(lambda: not processes_of(home), "every process to end")
