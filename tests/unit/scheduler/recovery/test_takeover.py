"""What becomes of attempts whose host or scheduler died."""

from __future__ import annotations

import os

import pytest

from airflow_lite.api.executor.events import Event, Revoked
from airflow_lite.processes.proc import boot_id, process_start
from airflow_lite.scheduler.planner.instance import Instance
from airflow_lite.scheduler.planner.model import Run
from airflow_lite.states import DagRunState
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import schema

RETRIED = {"of_task": {"a": {"retries": 1, "retry_delay_s": 1.0}}}


def test_a_host_that_is_proven_dead_loses_its_attempts_at_once(rig, dag_of):
    run = rig.begin(dag_of({"a": []}, **RETRIED), outcome=lambda _: None)
    rig.settle(4)
    rig.executor.die("signal 9")
    rig.after(3)
    row = rig.instance("a")
    assert rig.history("a")[2] == ("running", "up_for_retry")
    assert row.try_number == 2
    rig.executor.outcome = lambda _: State.SUCCESS
    rig.settle()
    assert rig.run_state(run) == "success"
    lost = [one for one in rig.rows(schema.attempt) if one.try_number == 1]
    assert [(one.outcome, one.cause) for one in lost] == [("up_for_retry", "lost: signal 9")]
    assert rig.findings() == []


def test_beats_that_stop_lose_an_attempt_after_the_timeout_of_our_own_time(rig, dag_of):
    run = rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    rig.after(8)
    assert rig.states() == {"a": "running"}
    rig.after(6)
    assert rig.states() == {"a": "failed"}
    assert rig.instance("a").change_cause == "lost: no beat for 10 s"
    assert rig.run_state(run) == "failed"


def test_a_host_that_beats_keeps_its_attempt(rig, dag_of):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    for _ in range(30):
        rig.executor.beat()
        rig.after(2)
    assert rig.states() == {"a": "running"}


def test_a_pause_of_our_own_counts_against_nobody(rig, dag_of):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    rig.after(4)
    rig.clock.advance(3600)
    rig.settle()
    assert rig.states() == {"a": "running"}


def test_a_lost_attempt_asks_for_the_callback_of_its_task(rig, dag_of):
    spec = dag_of({"a": []}, of_task={"a": {"callbacks": ("on_failure_callback",)}})
    rig.begin(spec, outcome=lambda _: None)
    rig.loop.context.callbacks._start = lambda _: None
    rig.settle(4)
    rig.executor.die()
    rig.after(3)
    assert rig.callbacks() == [
        ("task", {"callback": "on_failure", "reason": "lost: killed by a test"})
    ]


def test_queued_attempts_of_a_dead_scheduler_get_new_tokens_in_the_same_try(rig, dag_of):
    run = rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    before = rig.instance("a")
    rig.die()
    rig.start()
    rig.settle()
    assert rig.run_state(run) == "success"
    (key,) = rig.executor.executed
    assert (key.try_number, key.attempt == before.attempt) == (1, False)
    assert rig.instance("a").stuck_count == 0
    assert [row.state for row in rig.rows(schema.job)] == ["failed", "running"]
    assert rig.findings() == []


def test_adopted_attempts_keep_their_tokens(rig, dag_of, adopting):
    rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    token = rig.instance("a").attempt
    rig.die()
    adopts = adopting(clock=rig.clock, claims=False)
    adopts.name = "InlineStub"
    rig.start(adopts)
    rig.settle()
    assert rig.instance("a").attempt == token
    assert rig.executor.executed == []


def test_a_takeover_says_who_is_dead_and_what_still_runs(rig, dag_of, caplog):
    rig.begin(dag_of({"a": [], "b": []}), outcome=lambda _: None)
    rig.settle(4)
    rig.die()
    with caplog.at_level("INFO", "airflow_lite"):
        rig.start()
    dead = f"the scheduler with pid {os.getpid()} on {rig.config.hostname} is dead"
    assert f"{dead}; its DAGs are taken over" in caplog.messages
    assert "2 attempts of an earlier scheduler still run, and are watched" in caplog.messages


def test_running_attempts_of_a_dead_scheduler_are_left_alone_and_take_slots(make_rig, dag_of):
    rig = make_rig(core__parallelism=2)
    run = rig.begin(dag_of({"a": [], "b": [], "c": []}), outcome=lambda _: None)
    rig.settle(4)
    old = rig.executor
    assert [key.task_id for key in old.executed] == ["a", "b"]
    rig.die()
    rig.start()
    rig.settle()
    assert rig.executor.executed == []
    old.finish(dict.fromkeys(old.executed, State.SUCCESS))
    rig.after(2)
    assert [key.task_id for key in rig.executor.executed] == ["c"]
    assert rig.run_state(run) == "success"
    assert rig.findings() == []


def test_what_is_queued_again_at_a_takeover_is_not_told_as_running(rig, dag_of, adopting, caplog):
    rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    rig.die()
    other = adopting(clock=rig.clock)
    other.name = "OtherExecutor"
    with caplog.at_level("INFO", "airflow_lite"):
        rig.start(other)
    assert "was queued for InlineStub" in caplog.text
    assert "of an earlier scheduler still run" not in caplog.text


def test_what_the_executor_drops_because_it_was_told_to_end_is_not_counted(rig, dag_of):
    rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    for _ in range(4):
        key = rig.executor.executed[-1]
        rig.loop.stopping.ask()
        rig.settle(1)
        rig.executor.fail(key, "it was told to end")
        rig.settle(2)
        assert rig.instance("a").stuck_count == 0
        rig.die()
        rig.start(claims=False)
        rig.settle(3)
    assert rig.states() == {"a": "queued"}
    assert rig.instance("a").try_number == 1


def test_attempts_queued_for_another_executor_go_out_under_new_tokens(rig, dag_of, adopting):
    rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    token = rig.instance("a").attempt
    rig.die()
    other = adopting(clock=rig.clock)
    other.name = "OtherExecutor"
    rig.start(other)
    rig.settle()
    assert rig.instance("a").attempt != token
    assert rig.states() == {"a": "success"}


def test_a_claim_that_we_did_not_hear_of_is_not_undone(rig, dag_of):
    run = rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    rig.executor.fail(rig.executor.executed[0], "the engine lost sight of it")
    rig.settle(4)
    assert rig.states() == {"a": "running"}
    rig.executor.finish({rig.executor.executed[0]: State.SUCCESS})
    rig.settle(4)
    assert rig.run_state(run) == "success"


def test_an_end_that_no_event_told_of_is_found_by_looking(rig, dag_of):
    run = rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    rig.executor.success = lambda _: None
    rig.executor.finish({rig.executor.executed[0]: State.SUCCESS})
    rig.after(3)
    assert rig.run_state(run) == "success"


def test_an_end_and_its_revocation_in_one_batch_are_taken(rig, dag_of):
    run = rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    key = rig.executor.executed[0]
    mine = schema.task_instance.c.task_id == "a"
    rig.edit(schema.task_instance, mine, run=run, state="success", changed_by="user")
    rig.after(6)
    ended = Run(run, "d", "r", "manual", DagRunState.RUNNING, 0)
    rig.loop.context.memory.activate(ended, Instance(1, "a", attempt=key.attempt))
    rig.loop.context.runner._driver.reports.extend([Event(key, "success"), Revoked(key)])
    rig.settle()
    assert rig.run_state(run) == "success"
    assert not rig.loop.context.memory.attempts


@pytest.mark.parametrize(
    ("boot", "start", "lost"),
    [
        (boot_id(), process_start(os.getpid()), False),
        (boot_id(), 1, True),
        ("an earlier boot", process_start(os.getpid()), True),
        (boot_id(), None, False),
    ],
    ids=["it lives", "another has its number", "the machine was restarted", "nothing is known"],
)
def test_a_host_of_this_machine_whose_process_is_gone_is_dead(rig, dag_of, boot, start, lost):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    mine = schema.supervisor.c.id == rig.executor.supervisor_id
    rig.edit(schema.supervisor, mine, boot_id=boot, process_start=start)
    rig.after(3)
    assert (rig.states()["a"] == "failed") == lost
    if lost:
        assert rig.instance("a").change_cause == "lost: its supervisor's process is gone"
