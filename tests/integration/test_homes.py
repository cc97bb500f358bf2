"""The tests' own homes: a wait does not wait for a scheduler that is dead."""

from __future__ import annotations

import signal

import pytest

# Of a plugin's `start`, so that the process ends as one that crashed.
CRASH = """
import os
from airflow_lite.executors.local import LocalExecutor

class Crash(LocalExecutor):
    def start(self):
        print("about to crash", flush=True)
        os._exit(7)
"""


@pytest.fixture
def crashing(home):
    (home.dags / "crash.py").write_text(CRASH)
    home.environ["PYTHONPATH"] = str(home.dags)
    return home


def test_a_wait_fails_at_once_where_the_scheduler_died_by_itself(crashing, wait_until):
    with (
        pytest.raises(
            pytest.fail.Exception, match=r"ended with 7 .* the moon:\n(?s:.*)about to crash"
        ),
        crashing.scheduler("crash.Crash"),
    ):
        wait_until(lambda: False, "the moon", 3600)


def test_a_command_is_not_waited_for_where_the_scheduler_died_by_itself(crashing):
    crashing.dag("d", "from airflow_lite import DAG\nd = DAG('d', schedule=None)\n")
    with (
        pytest.raises(pytest.fail.Exception, match="ended with 7"),
        crashing.scheduler("crash.Crash"),
    ):
        crashing.run("dags", "trigger", "d", "--wait", timeout=3600)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_one_that_was_told_to_end_is_not_missed(home, wait_until, number):
    with home.scheduler() as scheduler:
        wait_until(lambda: "scheduler started" in scheduler.output(), "the start")
        scheduler.kill(number)
        count = iter(range(3))
        assert wait_until(lambda: next(count) == 2, "three looks")
