"""One run of one DAG by its own job."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_lite.errors import DagNotFound, UserError
from airflow_lite.scheduler.single_run import run_dag
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import edits, listing, lookup, runs, schema, test_runs
from fixtures.store_rows import add_job

DAY_US = 1_704_067_200_000_000


@pytest.fixture
def run_once(rig, inline_stub):
    """Run a DAG once with a stub executor; returns the run's state."""

    def run(dag_id="d", logical_us=DAY_US, conf=None, on_event=None, **stub):
        executor = inline_stub(**stub)
        executor.configure(rig.config)
        executor.store = rig.store
        rig.executor = executor
        return run_dag(
            rig.config, rig.store, dag_id, logical_us, conf, on_event=on_event, executor=executor
        )

    return run


def test_a_run_of_its_own_ends_with_its_state(rig, dag_of, run_once):
    rig.save(dag_of({"a": ["b"]}))
    assert run_once(conf={"x": 1}) == "success"
    (run,) = rig.rows(schema.dag_run)
    assert run.run_id == "manual__2024-01-01T00:00:00+00:00__test"
    assert (run.run_type, run.conf, run.job_id) == ("test", '{"x": 1}', 1)
    (job,) = rig.rows(schema.job)
    assert (job.kind, job.state) == ("dags_test", "success")
    assert rig.findings() == []


def test_a_failed_task_fails_the_run(rig, dag_of, run_once):
    rig.save(dag_of({"a": ["b"]}))
    assert run_once(outcome=lambda _: State.FAILED) == "failed"
    assert rig.states() == {"a": "failed", "b": "upstream_failed"}


def test_what_happens_is_told(rig, dag_of, run_once):
    rig.save(dag_of({"a": []}))
    told: list[Any] = []
    run_once(on_event=told.append)
    assert told == [
        "d.a try 1: queued",
        "d.a try 1: success",
        "run manual__2024-01-01T00:00:00+00:00__test of d: success",
    ]


def test_an_earlier_test_of_the_same_date_is_replaced(rig, dag_of, run_once):
    rig.save(dag_of({"a": []}))
    assert run_once(outcome=lambda _: State.FAILED) == "failed"
    assert run_once() == "success"
    (run,) = rig.rows(schema.dag_run)
    assert run.state == "success"


@pytest.mark.parametrize("run_type", ["scheduled", "manual", "backfill"])
def test_a_run_that_it_did_not_make_is_left_alone_with_its_history(rig, dag_of, run_once, run_type):
    spec = dag_of({"a": []})
    theirs = rig.trigger(spec, rig.save(spec), "theirs", DAY_US, run_type=run_type, state="failed")
    before = rig.rows(schema.dag_run, id=theirs), rig.rows(schema.task_instance, dag_run_id=theirs)
    assert run_once() == "success"
    assert run_once() == "success"
    assert before == (
        rig.rows(schema.dag_run, id=theirs),
        rig.rows(schema.task_instance, dag_run_id=theirs),
    )
    assert [run.run_type for run in rig.rows(schema.dag_run)] == [run_type, "test"]


def test_a_test_takes_no_date_from_a_run_to_come(rig, dag_of, run_once):
    spec = dag_of({"a": []})
    version = rig.save(spec)
    assert run_once() == "success"
    rig.trigger(spec, version, "scheduled__it", DAY_US, run_type="scheduled", state="success")


def test_the_logical_date_of_a_test_is_the_one_that_was_asked_for(rig, dag_of, run_once):
    rig.save(dag_of({"a": []}))
    run_once()
    with rig.store.read() as connection:
        by_date = listing.the_run(connection, "d", "2024-01-01", DAY_US)
        seen = lookup.find_run(connection, "d", by_date["run_id"], None)
    assert seen is not None
    assert test_runs.date_of(by_date) == seen.logical_us == DAY_US


def test_a_date_names_the_run_rather_than_its_test(rig, dag_of, run_once):
    spec = dag_of({"a": []})
    version = rig.save(spec)
    run_once()
    rig.trigger(spec, version, "theirs", DAY_US)
    with rig.store.read() as connection:
        assert listing.the_run(connection, "d", "2024-01-01", DAY_US)["run_id"] == "theirs"


def test_a_test_is_no_run_before_another(rig, dag_of, run_once):
    spec = dag_of({"a": []})
    version = rig.save(spec)
    first = rig.trigger(spec, version, "first", DAY_US - 1, state="success")
    run_once()
    with rig.store.read() as connection:
        row = runs.run_before(connection, "d", DAY_US + 10**6, of_schedule=False)
        before = lookup.previous_run(connection, "d", DAY_US + 10**6, None)
    assert row is not None
    assert row.id == first
    assert before is not None
    assert before.run_id == "first"


def test_a_test_is_cleared_by_its_date_as_any_run(rig, dag_of, run_once):
    rig.save(dag_of({"a": []}))
    run_once()
    with rig.store.read() as connection:
        cleared = edits.instances_to_clear(connection, "d", start_us=DAY_US, end_us=DAY_US)
        before = edits.instances_to_clear(connection, "d", end_us=DAY_US - 10**6)
    assert [row["task_id"] for row in cleared] == ["a"]
    assert before == []


def test_a_test_whose_tasks_are_under_way_is_not_replaced(rig, dag_of, run_once):
    spec = dag_of({"a": []})
    version = rig.save(spec)
    run_id = test_runs.run_id_of(DAY_US)
    mine = rig.trigger(spec, version, run_id, DAY_US + 1, run_type="test", state="running")
    rig.edit(schema.task_instance, schema.task_instance.c.dag_run_id == mine, state="running")
    with pytest.raises(UserError, match="tests this logical date already"):
        run_once()


def test_a_scheduler_beside_it_leaves_its_run_alone(rig, dag_of, run_once):
    spec = dag_of({"a": []})
    version = rig.save(spec)
    with rig.store.begin() as connection:
        job = add_job(connection, hostname="elsewhere")
    run = rig.trigger(spec, version, "theirs", state="running", job_id=job)
    rig.start()
    rig.after(6)
    assert rig.executor.executed == []
    assert rig.run_state(run) == "running"


def test_an_unknown_dag_is_told_and_leaves_no_job_running(rig, run_once):
    with pytest.raises(DagNotFound, match=r"There is no DAG 'd'\. See `airflow-lite dags list`\."):
        run_once()
    assert [job.state for job in rig.rows(schema.job)] == ["failed"]


@pytest.mark.parametrize("slots", [None, 0, 1])
def test_pools_do_not_hold_it_up_as_in_airflow(rig, dag_of, run_once, slots, caplog):
    if slots is not None:
        with rig.store.begin() as connection:
            connection.execute(schema.pool.insert().values(name="p", slots=slots, description=""))
    rig.save(dag_of({"a": ["b"]}, of_task={"a": {"pool": "p", "pool_slots": 3}}))

    assert run_once() == "success"
    notice = "There is no pool 'p', for which a scheduler would wait."
    assert (notice in caplog.text) is (slots is None)
