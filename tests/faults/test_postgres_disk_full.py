"""The disk of the PostgreSQL server is full: outcomes are kept until there is room, and recorded."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from fixtures.databases import SETTING
from fixtures.homes import Home

MEGABYTES, COUNT = 32, 12
#: What each task gives cannot be compressed, so that the database needs new pages for it.
DAG = """
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator

HOME = os.environ["AIRFLOW_LITE_HOME"]

def work(ti):
    with open(os.path.join(HOME, "starts"), "a") as file:
        file.write(f"{ti.task_id}\\n")
    while not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.02)
    for number in range(16):
        ti.xcom_push(f"k{number}", os.urandom(8_000).hex())

with DAG("d", start_date=datetime(2024, 1, 1), schedule=None):
    before = PythonOperator(task_id="end", python_callable=lambda: None)
    for number in range(COUNT):
        PythonOperator(task_id=f"t{number}", python_callable=work, retries=2) >> before
"""
FULL = "No space left on device: make room on the disk of the server"


@pytest.fixture
def disk(own_server):
    return own_server.mount_disk(MEGABYTES)


@pytest.fixture
def home(tmp_path, own_server, disk):
    home = Home(tmp_path / "home", {SETTING: own_server.new_tenant("small").url})
    home.dag("d", DAG.replace("COUNT", str(COUNT)))
    home.run("dags", "trigger", "d", "-r", "r")
    return home


def fill(disk):
    """Leave no block of a disk free."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2
    assert os.statvfs(disk).f_bavail == 0


def starts(home):
    path = home.folder / "starts"
    return path.read_text().splitlines() if path.exists() else []


def test_what_cannot_be_written_on_a_full_disk_is_written_later(home, disk, wait_until, findings):
    with home.scheduler() as scheduler:
        wait_until(lambda: len(starts(home)) == COUNT, "all tasks to begin")
        fill(disk)
        (home.folder / "gate").touch()
        wait_until(lambda: FULL in scheduler.output(), "somebody to tell")
        (disk / "ballast").unlink()
        state = lambda: home.json("dags", "list-runs", "-d", "d")[0]["state"]  # noqa: E731
        wait_until(lambda: state() == "success", "the run to succeed")

    assert sorted(starts(home)) == sorted(f"t{number}" for number in range(COUNT))
    assert home.execute("SELECT count(*) FROM xcom WHERE key <> 'return_value'") == [(16 * COUNT,)]
    assert findings() == []
    assert "Traceback" not in scheduler.output()
    lines = [line for line in scheduler.output().splitlines() if FULL in line]
    who = Counter("task-host" in line for line in lines)
    assert set(who.values()) == {1}, lines
