"""What holds a task instance back is told by name: what is before it, limits, pools, moments."""

from __future__ import annotations

import pytest

from airflow_lite.plugins import executor_log
from airflow_lite.scheduler.failed_deps import executor_says, failed_deps
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import listing, schema

HOUR_S = 3_600


@pytest.fixture
def rig(make_rig):
    return make_rig(scheduler__beat_timeout_s=HOUR_S, scheduler__fallback_poll_s=1)


@pytest.fixture
def begin(rig, dag_of):
    """Save a DAG and start a scheduler that runs it, whose attempts go on until they are ended."""

    def begin(edges, *, outcome=None, **options):
        spec = dag_of(edges, **options)
        version = rig.save(spec)
        rig.start(outcome=outcome or (lambda _: None))
        return lambda run_id="r": rig.trigger(spec, version, run_id)

    return begin


def told(rig, task_id, run=None, map_index=-1):
    """Return what holds a task of a run back, each as "NAME: REASON"."""
    with rig.store.read() as connection:
        rows = listing.runs(connection, None)
        row = next(row for row in rows if run in (None, row["id"]))
        instance = listing.the_instance(connection, row, task_id, map_index)
        found = failed_deps(connection, rig.config, row, instance, rig.clock.now_us())
    return [f"{dep.name}: {dep.reason}" for dep in found]


def set_pool(rig, name, slots):
    with rig.store.begin() as connection:
        connection.execute(schema.pool.insert().values(name=name, slots=slots, description=""))


def test_what_is_before_it_is_named_with_its_state(rig, begin):
    trigger = begin({"a": ["c"], "b": ["c"]})
    trigger()
    rig.after(2)

    assert told(rig, "c") == [
        "Trigger Rule: Task's trigger rule 'all_success' is not met yet: a is running, b is running."
    ]


def test_what_ends_without_running_is_told_with_the_rule(rig, begin):
    begin({"a": ["b"]}, outcome=lambda _: State.FAILED)()
    rig.after(2)

    assert told(rig, "b") == [
        "Task Instance State: The task is in state 'upstream_failed' (all_success: 1 of 1 upstream"
        " failed). To run it again: airflow-lite tasks clear d -t '^b$'."
    ]


def test_a_task_that_runs_says_where_and_for_how_long(rig, begin):
    begin({"a": []})()
    rig.after(2)
    row = rig.instance("a")
    rig.clock.advance((row.start_us - rig.clock.now_us()) / 1_000_000 + 3_725)

    assert told(rig, "a") == [f"Task Instance Not Running: It runs on {row.hostname}, for 1:02:05."]


def test_what_is_queued_says_for_whom_and_what_the_executor_tells_of_it(rig, dag_of, monkeypatch):
    spec = dag_of({"a": []}, of_task={"a": {"queue": "gpu"}})
    rig.trigger(spec, rig.save(spec))
    rig.start(claims=False)
    rig.after(2)
    rig.executor.log_task_event(event="pod", extra="no node", ti_key=rig.executor.executed[0])
    rig.after(2)
    row = rig.instance("a")
    rig.clock.advance((row.queued_us - rig.clock.now_us()) / 1_000_000 + 43)

    assert told(rig, "a") == [
        "Task Instance State: It is queued for InlineStub in queue 'gpu', for 0:43, and no worker"
        " has begun it."
    ]
    monkeypatch.setattr(executor_log, "tells_logs", lambda _: True)
    monkeypatch.setattr(executor_log, "ask", lambda *_: executor_log.ToldLog(["no worker"], []))
    assert executor_says(rig.config, "d", "r", row._mapping) == ["pod: no node", "no worker"]


def test_a_pause_a_missing_scheduler_and_a_queued_run_are_told(rig, dag_of):
    spec = dag_of({"a": []}, max_active_runs=3)
    rig.trigger(spec, rig.save(spec, is_paused=True))

    assert told(rig, "a") == [
        "Scheduler Running: No scheduler runs. Start one: airflow-lite scheduler.",
        "Dag Not Paused: Task's DAG 'd' is paused: airflow-lite dags unpause d.",
        "Dagrun Running: The run is queued: it starts when fewer than max_active_runs (3) of its"
        " DAG run.",
    ]


def test_who_holds_the_pool_is_told(rig, begin):
    set_pool(rig, "small", 2)
    of_task = {
        "a": {"pool": "small", "pool_slots": 2, "priority_weight": 9},
        "b": {"pool": "small"},
    }
    begin({"a": [], "b": []}, of_task=of_task)()
    rig.after(2)
    started_us = rig.instance("a").start_us
    rig.clock.advance((started_us - rig.clock.now_us()) / 1_000_000 + 7)

    assert told(rig, "b") == [
        "Pool Slots Available: The task wants 1 of pool 'small', and 0 of its 2 slots are open."
        " They are held by d.a of r (2 slots, running for 0:07)."
    ]


@pytest.mark.parametrize(
    ("pool", "reason"),
    [
        ("none", "There is no pool 'none': airflow-lite pools set none SLOTS DESCRIPTION."),
        ("tiny", "The task wants 3 slots of pool 'tiny', which has 1 in all."),
    ],
)
def test_a_pool_that_can_never_do_is_told(rig, begin, pool, reason):
    set_pool(rig, "tiny", 1)
    begin({"a": []}, of_task={"a": {"pool": pool, "pool_slots": 3}})()
    rig.after(2)

    assert told(rig, "a") == [f"Pool Slots Available: {reason}"]


def test_the_limits_of_dag_and_task_are_told(rig, begin):
    of_task = {"a": {"max_active_tis_per_dag": 1}}
    trigger = begin({"a": [], "b": []}, of_task=of_task, max_active_tasks=2)
    trigger("one")
    rig.after(2)
    second = trigger("two")
    rig.after(2)

    assert told(rig, "a", second) == [
        "Task Instance Slots Available: 2 tasks of the DAG run, and its max_active_tasks is 2.",
        "Task Concurrency: 1 instances of the task run, and its max_active_tis_per_dag is 1.",
    ]


def test_a_retry_tells_in_minutes_and_seconds_when_it_is_due(rig, begin):
    of_task = {"a": {"retries": 2, "retry_delay_s": 90.0}}
    begin({"a": []}, outcome=lambda _: State.FAILED, of_task=of_task)()
    rig.after(2)
    due_us = rig.instance("a").next_at_us
    rig.clock.advance((due_us - rig.clock.now_us()) / 1_000_000 - 43)

    (line,) = told(rig, "a")
    assert line.startswith(
        "Not In Retry Period: After try 1 of 3 failed, it is tried again in 0:43, at "
    )


def test_the_run_before_is_told(rig, begin):
    trigger = begin({"a": []}, of_task={"a": {"depends_on_past": True}}, catchup=False)
    trigger("one")
    rig.after(2)
    second = trigger("two")
    rig.after(2)

    assert told(rig, "a", second) == [
        "Previous Dagrun State: depends_on_past is true for this task, and in the run before it has"
        " not succeeded."
    ]


def test_an_executor_without_slots_is_told_as_its_scheduler_told_it(rig, dag_of):
    spec = dag_of({"a": [], "b": []}, of_task={"a": {"priority_weight": 5}})
    rig.trigger(spec, rig.save(spec))
    rig.start(outcome=lambda _: None, parallelism=1)
    rig.after(8)

    assert told(rig, "b") == [
        "Executor Slots Available: InlineStub has no open slots: 1 attempts take all."
    ]


def test_nothing_holds_back_what_is_ready(rig, dag_of):
    spec = dag_of({"a": []})
    run = rig.trigger(spec, rig.save(spec), state="running")
    rig.start(outcome=lambda _: None)

    assert told(rig, "a", run) == []
