"""Another process holds the database's lock for a while: nothing is lost, nothing runs twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from airflow_lite.states import TaskInstanceState
from fixtures.waits import DEADLINE_S

pytestmark = pytest.mark.sqlite  # its lock holds for the whole database

DAG = """
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator
HOME = os.environ["AIRFLOW_LITE_HOME"]

def note(file, text):
    with open(os.path.join(HOME, file), "a") as opened:
        opened.write(f"{text}\\n")

def run(ti):
    note("starts", ti.task_id)
    while not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.02)
    note("ends", ti.task_id)
    return ti.task_id

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None):
    for name in ("a", "b", "c", "d", "e", "f"):
        PythonOperator(task_id=name, python_callable=run)
"""
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


class Lock:
    """The write lock of a database, held by a process of its own until it is released."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "held\n"

    def release(self):
        self.process.communicate(timeout=DEADLINE_S)


@pytest.fixture
def hold():
    """Take the lock of a home's database."""
    locks = []

    def take(folder):
        locks.append(Lock(folder / "airflow_lite.db"))
        return locks[-1]

    yield take
    for lock in locks:
        lock.process.kill()
        lock.process.communicate()


MENDED = "the task host can use the metadata database again"


def complaints(log):
    return log.count("cannot use the metadata database")


def test_a_host_waits_for_the_database_and_loses_and_repeats_nothing(
    make_hosted, hold, wait_until, capfd
):
    hosted = make_hosted(DAG, AIRFLOW_LITE__DATABASE__SQLITE_BUSY_TIMEOUT_S="0.1")
    # Queued before the host writes: neither waits long for the other.
    running, queued = ({name: hosted.queue(name) for name in names} for names in ("abc", "def"))
    hosted.start()
    for name, token in running.items():
        hosted.host.run(hosted.command(name, token).words())
    wait_until(lambda: len(hosted.lines("starts")) == 3, "three to begin")
    lock = hold(hosted.home.folder)
    # Given while the lock is held, these can be claimed by nobody; those that end, not recorded.
    for name, token in queued.items():
        hosted.host.run(hosted.command(name, token).words())
    (hosted.home.folder / "gate").touch()
    wait_until(lambda: len(hosted.lines("ends")) == 3, "three to end")
    said = []
    wait_until(
        lambda: said.append(capfd.readouterr().err) or complaints("".join(said)), "the host to try"
    )
    assert hosted.ended == {}
    assert sorted(hosted.lines("starts")) == ["a", "b", "c"]
    lock.release()
    hosted.wait(*running.values(), *queued.values())
    assert set(hosted.ended.values()) == {True}
    assert sorted(hosted.lines("starts")) == sorted(hosted.lines("ends")) == list("abcdef")
    for name in "abcdef":
        assert hosted.row(name).state == TaskInstanceState.SUCCESS
        assert hosted.xcoms(name) == {"return_value": name}
    assert hosted.supervisors()[0].end_us is None  # one and the same host, alive throughout
    said.append(capfd.readouterr().err)
    assert complaints("".join(said)) == "".join(said).count(MENDED) == 1


def test_a_host_that_dies_while_nobody_can_write_is_replaced(make_hosted, hold, wait_until):
    hosted = make_hosted(DAG, AIRFLOW_LITE__DATABASE__SQLITE_BUSY_TIMEOUT_S="0.1")
    (hosted.home.folder / "gate").touch()
    hosted.start()
    hosted.finish("a")
    token, first = hosted.queue("b"), hosted.host.pid
    lock = hold(hosted.home.folder)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: hosted.host.pid != first, "another host to be started")
    lock.release()
    hosted.host.run(hosted.command("b", token).words())
    hosted.wait(token)
    assert hosted.row("b").state == TaskInstanceState.SUCCESS


def test_a_scheduler_and_its_host_get_through_an_outage(home, hold, wait_until):
    home.dag("hosted", DAG)
    home.environ |= {
        "AIRFLOW_LITE__DATABASE__SQLITE_BUSY_TIMEOUT_S": "0.1",
        "AIRFLOW_LITE__CORE__PARALLELISM": "3",
    }

    def lines(name):
        path = home.folder / name
        return path.read_text().splitlines() if path.exists() else []

    home.run("dags", "trigger", "hosted", "-r", "one")
    with home.scheduler() as scheduler:
        wait_until(lambda: len(lines("starts")) == 3, "three to begin")
        lock = hold(home.folder)
        (home.folder / "gate").touch()
        wait_until(lambda: len(lines("ends")) == 3, "three to end")
        wait_until(lambda: complaints(scheduler.output()), "the host to try")
        assert len(lines("starts")) == 3
        lock.release()
        wait_until(
            lambda: (
                [row["state"] for row in home.json("dags", "list-runs", "-d", "hosted")]
                == ["success"]
            ),
            "the run to succeed",
        )
    assert sorted(lines("starts")) == sorted(lines("ends")) == list("abcdef")
    tries = home.json("tasks", "history", "hosted", "a", "one")
    assert [row["to"] for row in tries].count("running") == 1


IMPATIENT = """
import sys
from airflow_lite.worker.host import loop
loop.GIVE_UP_S = 1.0
from airflow_lite.cli.main import run
sys.exit(run(["tasks", "run", "hosted", "a", "one"]))
"""


def test_a_host_that_nobody_needs_gives_up_in_the_end(home, hold, wait_until):
    home.dag("hosted", DAG)
    home.environ["AIRFLOW_LITE__DATABASE__SQLITE_BUSY_TIMEOUT_S"] = "0.1"
    home.run("dags", "trigger", "hosted", "-r", "one")
    starts, ends = home.folder / "starts", home.folder / "ends"
    with subprocess.Popen(
        [home.python, "-c", IMPATIENT], env=home.environ, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(starts.exists, "the task to begin")
        hold(home.folder)
        (home.folder / "gate").touch()
        wait_until(ends.exists, "the task to end")
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "the task host gives up: 1 outcomes are not recorded" in said
    assert "[SQL:" not in said
