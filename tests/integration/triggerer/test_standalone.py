"""A triggerer that a user runs takes the place of the schedulers', and dies without a loss."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing

import pytest

from fixtures.scheduler_process import Signalled
from fixtures.waits import DEADLINE_S

WAITING = """
from airflow_lite import DAG, FileSensor
from datetime import datetime

with DAG("waiting", start_date=datetime(2024, 1, 1), schedule=None):
    for name in ("a", "b"):
        FileSensor(task_id=name, filepath={folder!r} + "/" + name, deferrable=True, poke_interval=0.1)
"""


@pytest.fixture
def triggerer(home, wait_until):
    """Start a triggerer; all that are started are ended."""
    started: list[Signalled] = []

    def start(*options):
        path = home.folder / f"triggerer-{len(started)}.out"
        with path.open("w") as output:
            started.append(home.start("triggerer", *options, stdout=output, stderr=output))
        wait_until(lambda: "triggerer started" in path.read_text(), "the triggerer to start")
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_users_triggerer_runs_what_waits_until_it_dies(home, wait_until, triggerer, findings):
    home.environ["AIRFLOW_LITE__SCHEDULER__FALLBACK_POLL_S"] = "0.5"
    home.dag("waiting", WAITING.replace("{folder!r}", repr(str(home.folder))))
    home.run("dags", "trigger", "waiting", "-r", "r")
    own = triggerer("--capacity", "5")

    def actors():
        query = (
            "SELECT task_id, actor FROM task_event"
            " WHERE from_state = 'deferred' AND to_state = 'scheduled'"
        )
        return dict(home.execute(query))

    claimed = "SELECT id FROM task_instance WHERE triggerer_id IS NOT NULL"
    with home.scheduler() as scheduler:
        wait_until(lambda: len(home.execute(claimed)) == 2, "the triggerer to take both")
        (home.folder / "a").touch()
        wait_until(lambda: "a" in actors(), "the first to go on")
        assert actors()["a"].startswith("triggerer ")
        own.send_signal(signal.SIGKILL)
        (home.folder / "b").touch()
        wait_until(lambda: "b" in actors(), "the second to go on")
        assert actors()["b"].startswith("scheduler ")
        wait_until(
            lambda: not home.execute("SELECT id FROM dag_run WHERE state = 'running'"), "the end"
        )
    assert "a triggerer of a user's runs the triggers of deferred tasks" in scheduler.output()
    assert findings() == []


def test_what_a_dead_triggerer_ran_another_takes_up_to_its_capacity(home, wait_until, triggerer):
    home.dag("waiting", WAITING.replace("{folder!r}", repr(str(home.folder))))
    home.run("dags", "trigger", "waiting", "-r", "r")
    first = triggerer("--capacity", "1")
    owners = "SELECT triggerer_id FROM task_instance ORDER BY triggerer_id IS NULL, triggerer_id"
    with home.scheduler():
        deferred = "SELECT id FROM task_instance WHERE state = 'deferred'"
        wait_until(lambda: len(home.execute(deferred)) == 2, "both to be deferred")
        ((one,), (other,)) = wait_until(
            lambda: (rows := home.execute(owners))[0][0] and rows, "the triggerer to take one"
        )
        assert other is None
        first.send_signal(signal.SIGKILL)
        second = triggerer()
        wait_until(
            lambda: {row for (row,) in home.execute(owners)} & {one, None} == set(),
            "the second triggerer to take both",
        )
    second.send_signal(signal.SIGTERM)
    assert second.wait(DEADLINE_S) == 0
    jobs = home.json("jobs", "list", "--job-type", "TriggererJob", "--state", "success")
    assert [row["job_type"] for row in jobs] == ["TriggererJob"]


ASKING = """
from airflow_lite import DAG, BaseOperator, BaseTrigger, TriggerEvent, Variable
from datetime import datetime
import asyncio, pathlib

FOLDER = pathlib.Path({folder!r})

class Own(BaseTrigger):
    def serialize(self):
        return "asking.Own", {}

    async def run(self):
        while not (FOLDER / "go").exists():
            await asyncio.sleep(0.01)
        (FOLDER / "asks").touch()
        await asyncio.to_thread(Variable.set, "v", "x")
        yield TriggerEvent(Variable.get("v"))

class Waits(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Own(), method_name="go_on")

    def go_on(self, context, event):
        return event

with DAG("asking", start_date=datetime(2024, 1, 1), schedule=None):
    Waits(task_id="t")
"""


@pytest.mark.sqlite
def test_a_question_waits_for_a_database_that_is_away(home, wait_until, triggerer):
    home.environ["AIRFLOW_LITE__SCHEDULER__FALLBACK_POLL_S"] = "0.5"
    home.dag("asking", ASKING.replace("{folder!r}", repr(str(home.folder))))
    home.run("dags", "trigger", "asking", "-r", "r")
    usual = dict(home.environ)
    home.environ["AIRFLOW_LITE__DATABASE__SQLITE_BUSY_TIMEOUT_S"] = "0.1"
    own = triggerer()
    home.environ.clear()
    home.environ.update(usual)
    output = home.folder / "triggerer-0.out"
    claimed = "SELECT id FROM task_instance WHERE triggerer_id IS NOT NULL"
    with home.scheduler():
        wait_until(lambda: home.execute(claimed), "the triggerer to take it")
        with closing(sqlite3.connect(home.folder / "airflow_lite.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            (home.folder / "go").touch()
            wait_until((home.folder / "asks").exists, "the trigger to ask")
            wait_until(lambda: "locked" in output.read_text(), "the outage to be told")
        ended = "SELECT state FROM dag_run WHERE state != 'running'"
        assert wait_until(lambda: home.execute(ended), "the end") == [("success",)]
    assert own.poll() is None
    assert home.execute("SELECT value FROM xcom") == [('"x"',)]
