"""What is told of jobs that were killed, or live without beating."""

from __future__ import annotations

import os
import signal

import pytest

from fixtures.processes import frozen


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
    with frozen(alive.pid):
        beat_back(home, 3600)
        done = home.run("jobs", "check", exit_code=1)
        said = f"No alive jobs found. The scheduler with pid {alive.pid} is there, but has not said"
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        busy = home.run("db", "reset", "-y", exit_code=1)
        assert "A scheduler is running on this database. Stop it first." in busy.stderr


def beat_back(home, seconds):
    """Make the last beat so much older."""
    home.execute("UPDATE job SET latest_beat_us = latest_beat_us - :us", us=seconds * 10**6)
