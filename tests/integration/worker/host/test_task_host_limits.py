"""A task host that runs some at once only, gives back what waits, and tells of its trouble."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from airflow_lite.config import Config
from airflow_lite.worker import TaskHost

NAMES = [f"t{number}" for number in range(5)]
GATED = """
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator
HOME = os.environ["AIRFLOW_LITE_HOME"]

def gated(ti):
    with open(os.path.join(HOME, "started"), "a") as file:
        file.write(f"{ti.task_id}\\n")
    while not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.02)

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    for number in range(5):
        PythonOperator(task_id=f"t{number}", python_callable=gated)
"""


@pytest.fixture
def hosted(make_hosted):
    """A host of two attempts at once, not started yet; `troubles` is what it tells."""
    hosted = make_hosted(GATED)
    hosted.troubles = []

    def start(config=hosted.config):
        hosted.host = TaskHost(
            config,
            on_ended=hosted.ended.__setitem__,
            on_trouble=hosted.troubles.append,
            most_at_once=2,
        )
        hosted.host.start()

    hosted.start = start
    return hosted


def open_gate(hosted):
    (hosted.home.folder / "gate").touch()


def test_no_more_run_at_once_than_it_was_told(hosted, wait_until):
    hosted.start()
    tokens = [hosted.give(name) for name in NAMES]
    wait_until(lambda: len(hosted.lines("started")) == 2, "two tasks to start")
    states = [hosted.row(name).state for name in NAMES]
    assert sorted(states) == ["queued"] * 3 + ["running"] * 2
    open_gate(hosted)
    hosted.wait(*tokens)
    assert {hosted.row(name).state for name in NAMES} == {"success"}
    assert hosted.troubles == []


def test_the_limit_can_be_changed_while_it_runs(hosted, wait_until):
    hosted.start()
    tokens = [hosted.give(name) for name in NAMES]
    wait_until(lambda: len(hosted.lines("started")) == 2, "two tasks to start")
    hosted.host.limit(4)
    wait_until(lambda: len(hosted.lines("started")) == 4, "two more tasks to start")
    hosted.host.limit(1)
    hosted.host.release(tokens)
    wait_until(lambda: len(hosted.ended) == 1, "the fifth to be given back")
    assert sorted(hosted.row(name).state for name in NAMES) == ["queued"] + ["running"] * 4
    open_gate(hosted)
    hosted.wait(*tokens)


def test_what_is_not_claimed_yet_is_given_back_when_asked_for(hosted, wait_until):
    hosted.start()
    tokens = {name: hosted.give(name) for name in NAMES}
    wait_until(lambda: len(hosted.lines("started")) == 2, "two tasks to start")
    hosted.host.release(list(tokens.values()))
    begun = set(hosted.lines("started"))
    hosted.wait(*[token for name, token in tokens.items() if name not in begun])
    assert not any(hosted.ended.values())
    assert {hosted.row(name).state for name in set(NAMES) - begun} == {"queued"}
    open_gate(hosted)
    hosted.wait(*tokens.values())
    assert {hosted.row(name).state for name in begun} == {"success"}


def test_a_host_that_cannot_start_gives_back_at_once_and_says_why(hosted, wait_until):
    wrong = {**hosted.config.environ, "AIRFLOW_LITE__DATABASE__SQLITE_SYNCHRONOUS": "SOMETIMES"}
    open_gate(hosted)
    hosted.start(Config.load(wrong))
    token = hosted.give("t0")
    hosted.wait(token)
    assert hosted.ended[token] is False
    assert hosted.row("t0").state == "queued"
    wait_until(lambda: hosted.troubles, "the reason")
    assert hosted.troubles == [
        "its task host cannot start: [database] sqlite_synchronous is 'SOMETIMES'. "
        "Make it NORMAL or FULL."
    ]


def test_a_database_that_fails_for_a_while_is_told_and_that_it_is_back(hosted, wait_until):
    open_gate(hosted)
    impatient = {"AIRFLOW_LITE__DATABASE__SQLITE_BUSY_TIMEOUT_S": "0.1"}
    hosted.start(Config.load(hosted.config.environ | impatient))
    hosted.finish("t0")
    path = hosted.config.get("database", "sql_alchemy_conn").removeprefix("sqlite:///")
    assert Path(path).is_file()
    token = hosted.queue("t1")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        hosted.host.run(hosted.command("t1", token).words())
        wait_until(lambda: hosted.troubles, "the trouble to be told")
        other.execute("ROLLBACK")
    hosted.wait(token)
    assert hosted.row("t1").state == "success"
    wait_until(lambda: len(hosted.troubles) == 2, "the end of the trouble to be told")
    assert hosted.troubles[0].startswith("its task host cannot use the metadata database: ")
    assert hosted.troubles[1] is None


def test_a_callback_that_raises_keeps_no_later_end_from_being_told(make_hosted, caplog):
    hosted = make_hosted(GATED)
    open_gate(hosted)

    def tell(token, was_claimed):
        hosted.ended[token] = was_claimed
        raise ValueError("a bug of the executor")

    hosted.host = TaskHost(hosted.config, on_ended=tell)
    hosted.host.start()
    assert {hosted.finish(name).state for name in NAMES[:2]} == {"success"}
    assert caplog.text.count("ValueError: a bug of the executor") == 2
