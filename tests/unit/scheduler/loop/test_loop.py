"""The loop from ready to done, with the stub executor."""

from __future__ import annotations

import pytest

from airflow_lite.api.executor.events import Lost, Refused, Requeue
from airflow_lite.scheduler.loop.loop import PACE_S
from airflow_lite.scheduler.recovery.lease import SchedulerRunsAlready
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import callbacks, schema

DIAMOND = {"a": ["b", "c"], "b": ["d"], "c": ["d"]}


def test_a_run_goes_to_its_end_in_the_order_of_its_edges(rig, dag_of):
    run = rig.begin(dag_of(DIAMOND))
    rig.settle()
    assert rig.run_state(run) == "success"
    assert set(rig.states().values()) == {"success"}
    order = [key.task_id for key in rig.executor.executed]
    assert order[0] == "a"
    assert order[-1] == "d"
    assert rig.findings() == []


def test_an_attempt_is_queued_under_a_token_of_its_own(rig, dag_of):
    rig.begin(dag_of(DIAMOND))
    rig.settle()
    tokens = [row.token for row in rig.rows(schema.attempt)]
    assert len(set(tokens)) == 4
    assert {row.attempt for row in rig.rows(schema.task_instance)} == set(tokens)


def test_a_failed_try_is_retried_after_its_delay_with_the_next_number(rig, dag_of):
    first = lambda key: State.FAILED if key.try_number == 1 else State.SUCCESS  # noqa: E731
    spec = dag_of({"a": []}, of_task={"a": {"retries": 1, "retry_delay_s": 60.0}})
    run = rig.begin(spec, outcome=first)
    rig.settle()
    assert rig.states() == {"a": "up_for_retry"}
    rig.after(59)
    assert rig.states() == {"a": "up_for_retry"}
    rig.after(2)
    assert rig.run_state(run) == "success"
    assert [key.try_number for key in rig.executor.executed] == [1, 2]


def test_a_reschedule_keeps_its_try(rig, dag_of):
    seen = []

    def outcome(key):
        seen.append(key)
        return State.SUCCESS

    run = rig.begin(dag_of({"a": []}), outcome=outcome, claims=True)
    rig.executor.outcome = lambda _: None
    rig.settle(3)
    row = rig.instance("a")
    rig.edit(
        schema.task_instance,
        schema.task_instance.c.id == row.id,
        state="up_for_reschedule",
        next_at_us=rig.clock.now_us() + 5_000_000,
    )
    rig.executor.success(rig.executor.executed[0])
    rig.settle(3)
    rig.executor._claimed.clear()
    rig.executor.outcome = outcome
    rig.after(6)
    assert rig.run_state(run) == "success"
    assert [key.try_number for key in rig.executor.executed] == [1, 1]


def test_slots_of_the_executor_bound_what_is_queued(make_rig, dag_of):
    rig = make_rig(core__parallelism=2)
    rig.begin(dag_of({name: [] for name in "abcdef"}), outcome=lambda _: None)
    rig.settle()
    assert sorted(map(str, rig.states().values())).count("running") == 2
    rig.executor.outcome = lambda _: State.SUCCESS
    rig.settle()
    assert set(rig.states().values()) == {"success"}


@pytest.mark.parametrize(("slots", "tasks", "rest_s"), [(8, 9, PACE_S), (8, 8, 0.0), (7, 9, 0.0)])
def test_ends_may_gather_only_while_many_attempts_run_and_more_waits(
    make_rig, dag_of, slots, tasks, rest_s
):
    rig = make_rig(core__parallelism=slots)
    rig.begin(dag_of({f"t{number}": [] for number in range(tasks)}), outcome=lambda _: None)
    rig.settle()
    began = rig.clock.monotonic()
    assert rig.loop.rest_s(began) == rest_s
    assert rig.loop.rest_s(began - PACE_S) == 0.0


def test_a_paused_dag_gets_no_new_tasks_until_it_goes_on(rig, dag_of):
    spec = dag_of({"a": ["b"]})
    version = rig.save(spec, is_paused=True)
    run = rig.trigger(spec, version)
    rig.start()
    rig.settle()
    assert rig.run_state(run) == "queued"
    rig.edit(schema.dag, schema.dag.c.dag_id == "d", is_paused=False, row_version=1)
    rig.after(6)
    assert rig.run_state(run) == "success"


def test_max_active_runs_holds_back_the_later_runs(rig, dag_of):
    spec = dag_of({"a": []}, max_active_runs=1)
    version = rig.save(spec)
    first = rig.trigger(spec, version, "r1", 1)
    second = rig.trigger(spec, version, "r2", 2)
    rig.start(outcome=lambda _: None)
    rig.settle()
    assert (rig.run_state(first), rig.run_state(second)) == ("running", "queued")
    rig.executor.outcome = lambda _: State.SUCCESS
    rig.settle()
    assert (rig.run_state(first), rig.run_state(second)) == ("success", "success")


def test_a_refused_attempt_ends_its_try_with_the_reason(rig, dag_of):
    run = rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    rig.executor.fail(rig.executor.executed[0], Refused("no such queue"))
    rig.settle()
    row = rig.instance("a")
    assert (row.state, row.change_cause) == ("failed", "refused by the executor: no such queue")
    assert rig.run_state(run) == "failed"


def claimed(rig, dag_of):
    """Have an attempt run, of which nothing comes; return its key."""
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    assert rig.states() == {"a": "running"}
    return rig.executor.executed[0]


def test_an_attempt_whose_death_the_executor_proves_is_lost_at_once(rig, dag_of):
    key = claimed(rig, dag_of)
    rig.executor.fail(key, Lost("out of memory", is_proven=True))
    rig.settle()
    row = rig.instance("a")
    assert (row.state, row.change_cause) == ("failed", "lost: out of memory")
    assert rig.findings() == []


def test_an_outcome_that_is_recorded_stands_whatever_the_executor_proves(rig, dag_of):
    key = claimed(rig, dag_of)
    rig.edit(schema.task_instance, schema.task_instance.c.task_id == "a", state="success")
    rig.executor.fail(key, Lost("its pod failed", is_proven=True))
    rig.settle()
    assert rig.states() == {"a": "success"}


def test_an_end_that_is_not_proven_is_the_beats_to_tell_with_the_reason(rig, dag_of):
    key = claimed(rig, dag_of)
    rig.executor.fail(key, Lost("its node is gone"))
    rig.settle()
    assert rig.states() == {"a": "running"}
    rig.after(14)
    row = rig.instance("a")
    assert (row.state, row.change_cause) == (
        "failed",
        "lost: no beat for 10 s; its node is gone",
    )


def test_what_was_never_claimed_is_queued_again_though_its_death_is_proven(rig, dag_of):
    rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    rig.executor.fail(rig.executor.executed[0], Lost("evicted", is_proven=True))
    rig.settle(3)
    assert len(rig.executor.executed) == 2
    assert rig.instance("a").stuck_count == 1


def test_an_attempt_that_was_never_claimed_is_queued_again_a_counted_number_of_times(rig, dag_of):
    run = rig.begin(dag_of({"a": []}), claims=False)
    for _ in range(3):
        rig.settle(3)
        rig.executor.fail(rig.executor.executed[-1], Requeue("engine is down"))
    rig.settle()
    assert len(rig.executor.executed) == 3
    assert {key.try_number for key in rig.executor.executed} == {1}
    assert len({key.attempt for key in rig.executor.executed}) == 3
    assert rig.states() == {"a": "failed"}
    assert "2 requeues are used up" in rig.instance("a").change_cause
    assert rig.run_state(run) == "failed"
    assert rig.findings() == []


def test_a_late_event_of_an_old_attempt_touches_nothing(rig, dag_of):
    rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    old = rig.executor.executed[0]
    rig.executor.fail(old, Requeue("lost"))
    rig.settle(3)
    new = rig.instance("a")
    assert new.attempt != old.attempt
    rig.executor.fail(old, Requeue("lost again"))
    rig.settle(3)
    assert rig.instance("a").attempt == new.attempt
    assert rig.instance("a").stuck_count == 1


def test_an_attempt_stuck_in_the_queue_is_taken_back_and_queued_again(rig, dag_of):
    rig.begin(dag_of({"a": []}), claims=False)
    rig.settle(3)
    rig.after(602, step=2.0)
    assert rig.executor.revoked == [rig.executor.executed[0]]
    assert len(rig.executor.executed) == 2
    assert rig.instance("a").stuck_count == 1
    assert rig.instance("a").try_number == 1


def test_a_run_that_is_over_asks_for_its_callback(rig, dag_of):
    rig.begin(dag_of({"a": []}, callbacks=("on_success_callback",)))
    rig.loop.context.callbacks._start = lambda _: None
    rig.settle()
    assert rig.callbacks() == [("dag", {"callback": "on_success", "reason": "success"})]


def test_what_a_host_asked_is_called_back_though_no_event_told_of_it(rig, dag_of):
    run = rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    begun = []

    def begin(request_id):
        begun.append(request_id)
        with rig.store.begin() as connection:
            callbacks.begin(connection, request_id, rig.clock.now_us())

    rig.loop.context.callbacks._start = begin
    rig.settle(4)
    mine = schema.task_instance.c.task_id == "a"
    rig.edit(schema.task_instance, mine, run=run, state="failed", changed_by="host")
    asking = rig.instance("a").id
    with rig.store.begin() as connection:
        request_id = callbacks.ask(connection, run, "on_failure", "", now_us=1, instance_id=asking)
    rig.loop.context.timers.after("refresh", 0.0)  # as when the doorbell rings for another run
    rig.after(12)
    assert begun == [request_id]


def test_a_newer_definition_applies_to_tasks_that_have_not_started(rig, dag_of):
    run = rig.begin(dag_of({"a": ["b", "c"]}), outcome=lambda _: None)
    rig.settle(4)
    newer = dag_of({"a": ["b"], "b": ["e"]})
    version = rig.save(newer)
    rig.after(6)
    rig.executor.outcome = lambda _: State.SUCCESS
    rig.settle()
    assert rig.states() == {"a": "success", "b": "success", "c": "removed", "e": "success"}
    assert rig.run_state(run) == "success"
    assert rig.rows(schema.dag_run, id=run)[0].version_id == version


def test_an_edit_by_a_user_is_followed(rig, dag_of):
    run = rig.begin(dag_of({"a": ["b"]}), outcome=lambda _: None)
    rig.settle(4)
    mine = schema.task_instance.c.task_id == "a"
    rig.edit(schema.task_instance, mine, run=run, state="success", changed_by="user")
    rig.after(6)
    assert [key.task_id for key in rig.executor.revoked] == ["a"]
    assert rig.states()["b"] == "running"


def test_a_cleared_instance_runs_again_only_after_its_host_stopped_it(rig, dag_of):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    mine = schema.task_instance.c.task_id == "a"
    rig.edit(schema.task_instance, mine, run=1, state="restarting", max_tries=1, changed_by="user")
    rig.after(6)
    assert rig.executor.revoked == rig.executor.executed
    assert len(rig.executor.executed) == 1
    rig.edit(schema.task_instance, mine, state=None, changed_by="host")
    rig.executor.outcome = lambda _: State.SUCCESS
    rig.executor._claimed.clear()
    rig.after(6)
    assert [key.try_number for key in rig.executor.executed] == [1, 2]
    assert rig.states() == {"a": "success"}


def test_a_deleted_run_is_forgotten_and_its_attempts_are_taken_back(rig, dag_of):
    run = rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    with rig.store.begin() as connection:
        connection.execute(schema.dag_run.delete().where(schema.dag_run.c.id == run))
    rig.after(6)
    assert rig.executor.revoked == rig.executor.executed
    assert not rig.loop.context.memory.running


def test_a_run_that_cannot_be_handled_is_left_out_and_the_others_go_on(
    rig, dag_of, monkeypatch, caplog
):
    from airflow_lite.scheduler.passes import advance_runs
    from airflow_lite.scheduler.planner import advance as planner

    real = planner.advance

    def advance(run, dag, events, facts, now_us):
        if dag.dag_id == "bad":
            raise ZeroDivisionError("a bug")
        return real(run, dag, events, facts, now_us)

    monkeypatch.setattr(advance_runs, "advance", advance)
    bad = dag_of({"a": []}, dag_id="bad")
    rig.trigger(bad, rig.save(bad))
    good = rig.begin(dag_of({"a": []}))
    rig.settle()
    rig.after(6)
    assert rig.run_state(good) == "success"
    (skipped,) = rig.loop.context.memory.skipped.values()
    assert skipped.reason == "ZeroDivisionError: a bug"
    assert (
        "run 'r' of DAG 'bad' cannot be scheduled, and is left out until it or its DAG changes:"
        " ZeroDivisionError: a bug"
    ) in caplog.messages


def test_a_run_whose_row_cannot_be_read_is_set_aside_before_a_host_would_stumble(rig, dag_of):
    dag = dag_of({"a": []}, dag_id="bad")
    bad = rig.trigger(dag, rig.save(dag))
    rig.edit(schema.dag_run, schema.dag_run.c.id == bad, conf="{")
    good = rig.begin(dag_of({"a": []}))
    rig.settle()
    rig.after(6)
    assert rig.run_state(good) == "success"
    assert {key.dag_id for key in rig.executor.executed} == {"d"}
    (skipped,) = rig.loop.context.memory.skipped.values()
    assert skipped.reason.startswith("JSONDecodeError")


def test_dagrun_timeout_stops_what_runs(rig, dag_of):
    run = rig.begin(dag_of({"a": ["b"]}, dagrun_timeout_s=30.0), outcome=lambda _: None)
    rig.settle(4)
    for _ in range(8):
        rig.executor.beat()
        rig.after(4)
    assert rig.run_state(run) == "failed"
    assert rig.executor.revoked == rig.executor.executed
    assert rig.states()["a"] == "skipped"


def test_depends_on_past_waits_for_the_run_before(rig, dag_of):
    spec = dag_of({"a": []}, of_task={"a": {"depends_on_past": True}}, catchup=False)
    version = rig.save(spec)
    first = rig.trigger(spec, version, "r1", 1)
    second = rig.trigger(spec, version, "r2", 2)
    rig.start(outcome=lambda _: None)
    rig.settle()
    assert (rig.states(first), rig.states(second)) == ({"a": "running"}, {"a": None})
    rig.executor.outcome = lambda _: State.SUCCESS
    rig.settle()
    assert rig.states(second) == {"a": "success"}
    assert rig.run_state(second) == "success"


def test_scheduled_runs_are_made_when_they_are_due(rig, dag_of):
    from airflow_lite.spec.timetable import schedule_spec

    start_us = rig.clock.now_us()
    rig.save(dag_of({"a": []}, schedule=schedule_spec("0 * * * *"), start_date_us=start_us))
    rig.start()
    rig.settle()
    assert rig.rows(schema.dag_run) == []
    assert rig.rows(schema.dag)[0].next_create_after_us == start_us + 3_600_000_000
    rig.clock.advance(3601)
    rig.settle()
    (made,) = rig.rows(schema.dag_run)
    assert made.run_id == "scheduled__2024-01-01T00:00:00+00:00"
    assert made.state == "success"


@pytest.mark.sqlite
def test_a_second_scheduler_on_the_same_database_is_refused_by_name(rig, dag_of):
    rig.begin(dag_of({"a": []}))
    with pytest.raises(
        SchedulerRunsAlready, match=r"Another scheduler uses this database: pid \d+"
    ):
        rig.start()


def test_a_stop_queues_nothing_more(rig, dag_of):
    rig.begin(dag_of({"a": ["b"]}), outcome=lambda _: None)
    rig.settle(4)
    rig.loop.stopping.ask()
    rig.executor.outcome = lambda _: State.SUCCESS
    rig.settle(4)
    assert rig.loop.stopping.is_over
    assert rig.executor.ended
    assert rig.states() == {"a": "success", "b": None}


def test_listeners_are_told_the_executors_gauges_and_at_last_that_it_is_idle(rig, dag_of):
    told = []
    rig.begin(dag_of({"a": [], "b": []}), outcome=lambda _: None)
    rig.loop.context.announce = lambda hook, event: told.append((hook, event))
    rig.after(6)
    rig.executor.outcome = lambda _: State.SUCCESS
    rig.after(6)
    beats = [event for hook, event in told if hook == "on_executor_heartbeat"]
    loads = [(beat.open_slots, beat.queued_tasks, beat.running_tasks) for beat in beats]
    assert loads[0] == (30, 0, 2)
    assert loads[-1] == (32, 0, 0)


def test_a_dump_has_the_executors_gauges(rig, dag_of, caplog):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    rig.loop.stopping.wants_dump = True
    with caplog.at_level("INFO"):
        rig.loop.do_pass()
    assert "InlineStub has 31 open slots, 0 queued and 1 running tasks" in caplog.messages


def test_a_pool_that_is_missing_or_too_small_is_told_of_once_each(rig, dag_of, caplog):
    rig.begin(dag_of({"a": []}, of_task={"a": {"pool": "db", "pool_slots": 2}}))
    rig.settle()
    with rig.store.begin() as connection:
        connection.execute(schema.pool.insert().values(name="db", slots=1, description=""))
    for _ in range(2):
        rig.clock.advance(6)
        rig.settle()
    assert caplog.messages == [
        "tasks wait for pool 'db', which does not exist."
        " Make it: airflow-lite pools set db SLOTS DESCRIPTION",
        "task 'a' of DAG 'd' waits: it wants 2 slots of pool 'db', which has fewer."
        " Give the pool more: airflow-lite pools set db SLOTS DESCRIPTION",
    ]
