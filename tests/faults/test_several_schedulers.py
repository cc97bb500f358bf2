"""Schedulers that share a PostgreSQL die, are stopped, and come and go: no run notices."""

from __future__ import annotations

import os
import signal

import pytest

from fixtures.waits import DEADLINE_S

DAGS, TASKS = 8, 12


@pytest.fixture
def fleet(new_fleet):
    """Three schedulers that have spread the DAGs among them, and a run of each DAG."""
    fleet = new_fleet(3)
    fleet.write_dags(DAGS, TASKS, 0.5)
    for machine in range(3):
        fleet.start(machine)
    fleet.wait_spread(DAGS)
    fleet.trigger(DAGS, "first")
    return fleet


def check_runs(fleet, count):
    """Wait for the end of all runs and callbacks, and look whether each is as it must be."""
    fleet.wait_ended()
    states = fleet.rows("SELECT state, count(*) FROM dag_run GROUP BY 1")
    assert states == [("success", count)]
    fleet.wait_called(count)
    assert fleet.most_in_pool() <= 3
    assert fleet.findings() == []


def test_the_dags_of_a_killed_one_are_taken_by_the_others_and_spread_again(fleet):
    job = fleet.kill(1)
    fleet.trigger(DAGS, "second")
    fleet.wait_taken(job)
    fleet.start(1)
    fleet.wait_spread(DAGS)
    fleet.trigger(DAGS, "third")
    check_runs(fleet, 3 * DAGS)


def test_one_that_was_stopped_writes_nothing_when_it_goes_on_and_ends(fleet):
    job, stopped = fleet.freeze(0)
    fleet.trigger(DAGS, "second")
    fleet.wait_taken(job)
    seen = fleet.value("SELECT max(id) FROM task_event WHERE actor = %s", f"scheduler {job}")
    os.kill(stopped.pid, signal.SIGCONT)
    assert stopped.process.wait(DEADLINE_S) == 1
    assert "Another scheduler took over, since this one was silent for too long" in stopped.output()
    assert "Traceback" not in stopped.output()
    check_runs(fleet, 2 * DAGS)
    assert seen == fleet.value(
        "SELECT max(id) FROM task_event WHERE actor = %s", f"scheduler {job}"
    )


def test_a_rolling_restart_loses_nothing_and_tries_nothing_twice(fleet):
    for machine in range(3):
        old = fleet.schedulers.pop(machine)
        fleet.start(machine)
        fleet.trigger(DAGS, f"during{machine}")
        assert old.stop() == 0
    check_runs(fleet, 4 * DAGS)
    assert fleet.rows("SELECT DISTINCT try_number FROM task_instance") == [(1,)]


def test_two_schedulers_of_one_home_share_its_dags(new_fleet):
    fleet = new_fleet(1)
    fleet.write_dags(4, 3, 0)
    first = fleet.start(0)
    fleet.wait_spread(4)
    second = fleet.start(0)
    fleet.schedulers[1] = first
    fleet.wait_spread(4)
    fleet.trigger(4, "first")
    check_runs(fleet, 4)
    (home,) = fleet.homes
    listed = {job["pid"]: job for job in home.json("jobs", "list")}
    assert {pid: job["dags"] for pid, job in listed.items()} == {
        one.pid: 2 for one in (first, second)
    }
    home.run("jobs", "check", "--allow-multiple", "--limit", "2")
    several = home.run("jobs", "check", "--limit", "0", exit_code=1).stderr
    assert "Found 2 alive jobs, expected one. Add --allow-multiple." in several
    assert (first.stop(), second.stop()) == (0, 0)
