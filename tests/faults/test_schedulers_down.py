"""All schedulers are gone for a minute, under each executor of the core and its twin that debugs."""

from __future__ import annotations

import os
import signal

import pytest

from fixtures.processes import processes_of

DAG = """
from airflow_lite import DAG, BashOperator
from datetime import datetime, timedelta

with DAG("waits", start_date=datetime(2024, 1, 1), schedule=None) as dag:
    first = BashOperator(
        task_id="first",
        bash_command="echo {{ ti.try_number }} $$ >> {home}/starts;"
        " while [ ! -e {home}/gate ]; do sleep 0.05; done",
        retries=1,
        retry_delay=timedelta(seconds=0),
    )
    first >> BashOperator(task_id="second", bash_command="echo second >> {home}/starts")
"""


@pytest.fixture
def waits(home):
    """A run whose first task waits for the gate."""
    home.dag("waits", DAG.replace("{home}", str(home.folder)))
    home.run("dags", "trigger", "waits", "-r", "r")
    return home


def starts(home):
    path = home.folder / "starts"
    return path.read_text().splitlines() if path.exists() else []


def states(home):
    return home.states("waits", "r")


def shift_beats(home, seconds):
    """Make all that was said of who lives so much older, as if the time had gone by."""
    for table in ("job", "supervisor"):
        statement = f"UPDATE {table} SET latest_beat_us = latest_beat_us - :us"
        home.execute(statement, us=seconds * 10**6)


@pytest.mark.parametrize("executor", ["LocalExecutor", "SequentialExecutor"])
def test_a_task_host_finishes_what_runs_and_the_next_scheduler_goes_on(
    waits, wait_until, findings, executor
):
    with waits.scheduler(executor) as first:
        wait_until(lambda: starts(waits), "the task to start")
        first.kill()
    (waits.folder / "gate").touch()
    wait_until(lambda: states(waits)["first"] == "success", "the host to record its end")
    shift_beats(waits, 60)
    waits.run("jobs", "check", exit_code=1)

    with waits.scheduler(executor):
        wait_until(lambda: states(waits)["second"] == "success", "the rest of the run")

    assert [line.split()[0] for line in starts(waits)] == ["1", "second"]
    assert findings() == []
    wait_until(lambda: not processes_of(waits.folder), "every process to be gone")


def test_what_ran_in_a_killed_scheduler_itself_is_lost_ended_and_retried(
    waits, wait_until, findings
):
    with waits.scheduler("DebugExecutor") as first:
        wait_until(lambda: starts(waits), "the task to start")
        first.kill()
    shift_beats(waits, 60)
    (waits.folder / "gate").touch()

    with waits.scheduler("DebugExecutor") as second:
        wait_until(lambda: states(waits)["second"] == "success", "the rest of the run")
        said = second.output()

    assert [line.split()[0] for line in starts(waits)] == ["1", "2", "second"]
    assert "waits.first of r, try 1 of 2: failed, to be retried: lost: " in said
    assert findings() == []
    wait_until(lambda: not processes_of(waits.folder), "every process to be gone")


@pytest.mark.parametrize("executor", ["SequentialExecutor", "DebugExecutor"])
def test_a_killed_task_fails_its_own_try_alone(waits, wait_until, findings, executor):
    with waits.scheduler(executor):
        wait_until(lambda: starts(waits), "the task to start")
        os.kill(int(starts(waits)[0].split()[1]), signal.SIGKILL)
        (waits.folder / "gate").touch()
        wait_until(lambda: states(waits)["second"] == "success", "the retry, and the rest")

    assert [line.split()[0] for line in starts(waits)] == ["1", "2", "second"]
    assert findings() == []
