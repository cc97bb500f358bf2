"""The wall clock is set, or stands still in a machine that sleeps: nothing is misjudged by it."""

from __future__ import annotations

import pytest

from airflow_lite.clock import US_PER_S
from airflow_lite.scheduler.loop.clock_jumps import LEAST_S
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import schema

HOURS = [5 * 3600, -5 * 3600]
RETRIED = {"of_task": {"a": {"retries": 1, "retry_delay_s": 30.0}}}


def jump(rig, seconds):
    rig.clock.set_wall(rig.clock.now_us() + seconds * US_PER_S)


def beat_on(rig, seconds):
    for _ in range(seconds // 2):
        rig.executor.beat()
        rig.after(2)


@pytest.mark.parametrize("seconds", HOURS)
def test_a_queued_attempt_is_stuck_by_time_that_passed_and_not_by_the_clock(
    make_rig, dag_of, seconds
):
    rig = make_rig(scheduler__task_queued_timeout=20)
    rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    rig.after(10)
    jump(rig, seconds)
    rig.after(6)
    assert rig.instance("a").stuck_count == 0
    assert len(rig.executor.executed) == 1
    rig.after(8)
    assert rig.instance("a").stuck_count == 1


def test_a_pause_of_our_own_makes_no_queued_attempt_stuck(make_rig, dag_of):
    rig = make_rig(scheduler__task_queued_timeout=20)
    rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    rig.after(10)
    rig.clock.advance(3600)
    rig.settle()
    assert rig.instance("a").stuck_count == 0


def test_a_queued_attempt_is_stuck_though_each_pass_takes_long(make_rig, dag_of):
    rig = make_rig(scheduler__task_queued_timeout=20)
    rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    rig.after(90, step=6)
    assert rig.instance("a").stuck_count >= 1


@pytest.mark.parametrize("seconds", HOURS)
def test_a_run_times_out_by_time_that_passed_and_not_by_the_clock(rig, dag_of, seconds):
    run = rig.begin(dag_of({"a": []}, dagrun_timeout_s=60.0), outcome=lambda _: None)
    rig.settle(4)
    beat_on(rig, 20)
    jump(rig, seconds)
    beat_on(rig, 30)
    assert rig.run_state(run) == "running"
    assert rig.states() == {"a": "running"}
    beat_on(rig, 16)
    assert rig.run_state(run) == "failed"


def test_a_jump_is_remembered_when_the_run_is_loaded_again(rig, dag_of):
    run = rig.begin(dag_of({"a": []}, dagrun_timeout_s=60.0), outcome=lambda _: None)
    rig.settle(4)
    jump(rig, 3600)
    rig.settle()
    rig.edit(schema.dag_run, schema.dag_run.c.id == run, run=run, note="edited")
    rig.after(6)
    assert rig.run_state(run) == "running"


def test_a_cleared_run_counts_its_timeout_anew(rig, dag_of):
    run = rig.begin(dag_of({"a": []}, dagrun_timeout_s=60.0), outcome=lambda _: None)
    rig.settle(4)
    jump(rig, 3600)
    rig.settle()
    assert rig.loop.context.memory.unlived_us(run) == 3600 * US_PER_S
    rig.executor.outcome = lambda _: State.SUCCESS
    rig.settle()
    assert rig.run_state(run) == "success"
    assert rig.loop.context.memory.unlived_us(run) == 0


def test_a_clock_set_back_keeps_no_retry_waiting_for_longer(rig, dag_of):
    run = rig.begin(dag_of({"a": []}, **RETRIED), outcome=lambda _: State.FAILED)
    rig.settle(5)
    assert rig.states() == {"a": "up_for_retry"}
    rig.executor.outcome = lambda _: State.SUCCESS
    rig.after(10)
    jump(rig, -5 * 3600)
    rig.after(15)
    assert rig.states() == {"a": "up_for_retry"}
    rig.after(10)
    assert rig.run_state(run) == "success"
    assert rig.findings() == []


def test_the_next_scheduler_knows_of_the_clock_set_back(rig, dag_of):
    run = rig.begin(dag_of({"a": []}, **RETRIED), outcome=lambda _: State.FAILED)
    rig.settle(5)
    jump(rig, -5 * 3600)
    rig.settle()
    rig.die()
    rig.start()
    rig.after(35)
    assert rig.run_state(run) == "success"


@pytest.mark.parametrize("seconds", HOURS)
@pytest.mark.parametrize("state", ["running", "up_for_reschedule"])
def test_a_sensor_has_waited_for_the_time_that_passed(rig, dag_of, seconds, state):
    run = rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    mine = schema.task_instance.c.task_id == "a"
    later_us = rig.clock.now_us() + 10**12
    rig.edit(schema.task_instance, mine, run=run, state=state, next_at_us=later_us)
    rig.after(6)
    assert rig.states() == {"a": state}
    jump(rig, seconds)
    rig.settle()
    waited_us = rig.clock.now_us() - rig.instance("a").try_started_us
    assert waited_us == pytest.approx(6 * US_PER_S, abs=2 * US_PER_S)


@pytest.mark.parametrize("seconds", [LEAST_S - 1, 1 - LEAST_S])
def test_a_clock_that_is_slewed_is_followed(rig, dag_of, seconds, caplog):
    run = rig.begin(dag_of({"a": []}, dagrun_timeout_s=60.0), outcome=lambda _: None)
    rig.settle(4)
    jump(rig, seconds)
    rig.settle()
    assert rig.loop.context.memory.unlived_us(run) == 0
    assert "clock" not in caplog.text
    assert rig.run_state(run) == "running"


@pytest.mark.parametrize(("seconds", "way"), [(7200, "forward"), (-7200, "back")])
def test_a_jump_is_told_once_and_in_one_line(rig, dag_of, caplog, seconds, way):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    jump(rig, seconds)
    rig.settle()
    (line,) = [line for line in caplog.messages if "clock" in line]
    assert f"went {way} by 7200 s" in line


def test_a_scheduler_beats_at_once_when_the_clock_was_set(rig, dag_of, monkeypatch):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    beats = []
    monkeypatch.setattr(rig.loop.ownership, "renew", lambda **_: beats.append(1))
    jump(rig, 7200)
    rig.loop.do_pass()
    assert beats == [1]


def test_a_scheduler_that_was_stopped_between_two_readings_sees_no_jump(rig, dag_of, monkeypatch):
    run = rig.begin(dag_of({"a": []}, dagrun_timeout_s=60.0), outcome=lambda _: None)
    rig.settle(4)
    tell, stops = rig.clock.now_us, [3600]

    def stopped():
        if stops:
            rig.clock.advance(stops.pop())
        return tell()

    monkeypatch.setattr(rig.clock, "now_us", stopped)
    rig.settle()
    assert rig.loop.context.memory.unlived_us(run) == 0
    assert rig.run_state(run) == "failed"  # an hour has passed


def test_a_jump_is_made_up_for_once_though_the_database_failed(rig, dag_of, monkeypatch):
    import sqlalchemy as sa

    from airflow_lite.store import waits

    run = rig.begin(dag_of({"a": []}, dagrun_timeout_s=60.0), outcome=lambda _: None)
    rig.settle(4)
    jump(rig, 7200)

    def fails(*_):
        raise sa.exc.OperationalError("", {}, Exception("locked"))

    with monkeypatch.context() as patch:
        patch.setattr(waits, "shift", fails)
        rig.loop.step()
    rig.after(8)
    assert rig.run_state(run) == "running"
    assert rig.loop.context.memory.unlived_us(run) == 7200 * US_PER_S
