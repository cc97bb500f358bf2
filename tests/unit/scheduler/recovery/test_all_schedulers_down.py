"""A minute without any scheduler: what ran goes on, what was due is done, once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from airflow_lite.spec.timetable import schedule_spec
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import schema

EDGES = {"goes_on": ["after"], "ends": [], "retried": [], "waits": []}
RETRIED = {"retried": {"retries": 1, "retry_delay_s": 30.0}}
FIRST_OUTCOMES = {"retried": State.FAILED, "waits": None, "ends": None, "goes_on": None}


@pytest.fixture
def old(rig, dag_of):
    """A scheduler's executor, whose scheduler died while its tasks ran."""
    rig.begin(dag_of(EDGES, of_task=RETRIED), outcome=lambda key: FIRST_OUTCOMES.get(key.task_id))
    rig.settle()
    assert rig.states()["retried"] == "up_for_retry"
    rig.die()
    return rig.executor


def pass_a_minute(rig, old, ended):
    """Let 60 s go by with no scheduler, while the host of what runs lives and records."""
    for second in range(60):
        rig.clock.advance(1)
        if second % 2 == 0:
            old.beat()
        if second == 30:
            old.finish(dict.fromkeys(ended, State.SUCCESS))


def test_what_ran_ended_or_fell_due_meanwhile_is_as_it_would_have_been(rig, old):
    of = {key.task_id: key for key in old.executed}
    pass_a_minute(rig, old, [of["ends"]])
    assert rig.states()["retried"] == "up_for_retry"

    rig.start()
    rig.settle()

    assert rig.states() == {
        "goes_on": "running",
        "waits": "running",
        "ends": "success",
        "retried": "success",
        "after": None,
    }
    assert [(key.task_id, key.try_number) for key in rig.executor.executed] == [("retried", 2)]

    old.finish(dict.fromkeys([of["goes_on"], of["waits"]], State.SUCCESS))
    rig.after(3)

    assert set(rig.states().values()) == {"success"}
    tries = Counter((row.task_instance_id, row.try_number) for row in rig.rows(schema.attempt))
    assert set(tries.values()) == {1}
    assert rig.findings() == []


def test_a_host_that_died_meanwhile_is_noticed_by_the_next_scheduler(rig, old):
    rig.clock.advance(60)
    rig.start()
    rig.settle()
    assert rig.states()["goes_on"] == "running"  # nobody is judged by time that nobody watched
    rig.after(12)
    assert rig.states()["goes_on"] == "failed"
    assert rig.instance("goes_on").change_cause == "lost: no beat for 10 s"


def test_runs_that_fell_due_meanwhile_are_made_once_each(rig, dag_of):
    start_us = rig.clock.now_us()
    spec = dag_of(
        {"a": []},
        schedule=schedule_spec(timedelta(seconds=10)),
        start_date_us=start_us,
        catchup=True,
    )
    rig.save(spec)
    rig.start()
    rig.after(21)
    assert len(rig.rows(schema.dag_run)) == 2
    rig.die()
    rig.clock.advance(60)
    rig.start()
    rig.settle()
    dates = [row.logical_us for row in rig.rows(schema.dag_run)]
    assert sorted(dates) == [start_us + number * 10_000_000 for number in range(8)]
    assert {row.state for row in rig.rows(schema.dag_run)} == {"success"}
    assert rig.findings() == []
