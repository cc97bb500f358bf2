"""The scheduler's log has a line for each run that ends, and for each try that does not end well."""

from __future__ import annotations

import logging

import pytest
import sqlalchemy as sa

from airflow_lite.api.executor.events import Requeue
from airflow_lite.clock import iso
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import schema

LOGGER = "airflow_lite.scheduler.state.run_log"


@pytest.fixture
def said(caplog):
    """Return what the log says of runs: level and line."""
    caplog.set_level(logging.DEBUG, LOGGER)
    return lambda: [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name == LOGGER
    ]


def test_a_run_that_succeeds_is_one_line(rig, dag_of, said):
    rig.begin(dag_of({"a": ["b"]}))
    rig.settle()
    assert said() == [("INFO", "run r of d: success after 0.0 s")]


def test_a_failed_try_is_told_with_its_cause_and_what_follows(rig, dag_of, said):
    spec = dag_of({"a": ["b"]}, of_task={"a": {"retries": 1, "retry_delay_s": 60.0}})
    rig.begin(spec, outcome=lambda _: State.FAILED)
    rig.executor.cause = "ValueError: boom\nat line 2"
    rig.settle()
    again = rig.instance("a").next_at_us
    rig.after(61)
    assert said() == [
        (
            "WARNING",
            "d.a of r, try 1 of 2: failed, to be retried: ValueError: boom at line 2;"
            f" again at {iso(again)}",
        ),
        ("INFO", "d.a of r, try 2 of 2: queued again"),
        ("ERROR", "d.a of r, try 2 of 2: failed: ValueError: boom at line 2"),
        ("ERROR", "run r of d: failed after 60.0 s: a failed"),
    ]
    assert "d.a try 1: up_for_retry: ValueError: boom at line 2" in rig.told
    assert "d.a try 2: failed: ValueError: boom at line 2" in rig.told


def test_a_lost_attempt_and_a_requeue_are_told(rig, dag_of, said):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None, claims=False)
    rig.settle(3)
    rig.executor.fail(rig.executor.executed[0], Requeue("the engine dropped it"))
    rig.settle(3)
    levels = {level for level, _ in said()}
    (line,) = [line for _, line in said()]
    assert levels == {"WARNING"}
    assert line.startswith("d.a of r, try 1 of 1: never claimed, the executor said failed: ")
    assert line.endswith("the engine dropped it; it is queued again")


def test_a_failure_that_no_report_told_of_is_told_when_its_run_is_loaded(rig, dag_of, said):
    run = rig.begin(dag_of({"a": ["b"], "c": []}), outcome=lambda _: None, claims=True)
    rig.settle(3)
    rig.edit(
        schema.task_instance,
        schema.task_instance.c.task_id == "a",
        run=run,
        state="failed",
        change_cause="marked failed",
    )
    rig.after(10)
    assert said() == [("ERROR", "d.a of r, try 1 of 1: failed: marked failed")]


def test_a_run_that_others_ended_is_told(rig, dag_of, said):
    run = rig.begin(dag_of({"a": []}), outcome=lambda _: None, claims=True)
    rig.settle(3)
    rig.edit(schema.dag_run, schema.dag_run.c.id == run, run=run, state="failed")
    rig.after(10)
    (line,) = [line for _, line in said()]
    assert line.startswith("run r of d: failed after ")
    assert line.endswith(" s: its state was set by hand")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"dagrun_timeout_s": 5.0}, "it exceeded dagrun_timeout"),
        ({"fail_stop": True}, "a, b failed"),
    ],
)
def test_a_failed_run_says_why(rig, dag_of, said, options, reason):
    fails = "fail_stop" in options
    spec = dag_of({"a": [], "b": []}, **options)
    rig.begin(spec, outcome=lambda key: State.FAILED if fails and key.task_id == "a" else None)
    rig.after(10)
    told = [line for _, line in said() if line.startswith("run ")]
    assert len(told) == 1
    assert reason in told[0]


def test_lines_of_runs_can_be_turned_down_but_not_those_of_failures(make_rig, dag_of, said):
    rig = make_rig(scheduler__log_runs="False")
    spec = dag_of({"a": []}, of_task={"a": {"retries": 1, "retry_delay_s": 1.0}})
    rig.begin(spec, outcome=lambda key: State.FAILED if key.try_number == 1 else State.SUCCESS)
    rig.settle()
    rig.after(5)
    assert [level for level, _ in said()] == ["WARNING"]


def test_what_the_history_knows_of_failures_the_log_says(rig, dag_of, said):
    spec = dag_of({"a": []}, of_task={"a": {"retries": 2, "retry_delay_s": 1.0}})
    rig.begin(spec, outcome=lambda _: State.FAILED)
    rig.settle()
    rig.after(10)
    failed = sa.or_(
        schema.task_event.c.to_state == "failed", schema.task_event.c.to_state == "up_for_retry"
    )
    with rig.store.read() as connection:
        causes = connection.execute(sa.select(schema.task_event.c.cause).where(failed)).scalars()
        known = list(causes)
    lines = [line for _, line in said() if line.startswith("d.a ") and "failed" in line]
    assert len(lines) == len(known) == 3
    assert all(cause in line for cause, line in zip(known, lines, strict=True))
