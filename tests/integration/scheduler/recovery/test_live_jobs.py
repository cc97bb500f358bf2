"""What is told of jobs that were killed, or live without beating."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, contextmanager

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.store.engine import open_store
from fixtures.processes import frozen

AN_HOUR_OLDER = f"UPDATE job SET latest_beat_us = latest_beat_us - {3600 * 10**6}"


@pytest.fixture
def alive(home, wait_until):
    """A scheduler that has begun its job."""
    with home.scheduler() as scheduler:
        wait_until(
            lambda: home.run("jobs", "check", exit_code=None).returncode == 0, "the scheduler"
        )
        yield scheduler


def test_a_job_whose_process_is_gone_is_not_alive_however_fresh_its_beat(home, alive):
    home.environ["AIRFLOW_LITE__SCHEDULER__LEASE_TIMEOUT_S"] = "3600"
    assert home.run("jobs", "check").stdout == "Found one alive job.\n"
    alive.kill()
    done = home.run("jobs", "check", exit_code=1)
    assert "No alive jobs found. Start one with `airflow-lite scheduler`." in done.stderr
    home.run("db", "reset", "-y")


def test_a_job_whose_process_was_not_reaped_yet_is_not_alive(home, alive):
    home.environ["AIRFLOW_LITE__SCHEDULER__LEASE_TIMEOUT_S"] = "3600"
    alive.process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, alive.pid, os.WEXITED | os.WNOWAIT)

    done = home.run("jobs", "check", exit_code=1)

    assert "No alive jobs found. Start one with `airflow-lite scheduler`." in done.stderr


def test_a_job_that_lives_without_beating_is_told_with_its_pid(home, alive):
    with silent(home, alive.pid):
        done = home.run("jobs", "check", exit_code=1)
        said = f"No alive jobs found. The scheduler with pid {alive.pid} is there, but has not said"
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        busy = home.run("db", "reset", "-y", exit_code=1)
        assert "A scheduler is running on this database. Stop it first." in busy.stderr


@contextmanager
def silent(home, pid):
    """Stop a scheduler, and make its last beat an hour older."""
    store = open_store(Config.load(home.environ))
    with ExitStack() as stack:
        stack.callback(store.close)
        with store.begin() as connection:
            connection.execute(sa.text(AN_HOUR_OLDER))
            # This transaction has SQLite's lock, so that the scheduler is not stopped with it.
            stack.enter_context(frozen(pid))
        yield
