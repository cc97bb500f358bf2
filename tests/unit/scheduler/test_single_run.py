"""One run of one DAG by its own job."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_lite.errors import DagNotFound, UserError
from airflow_lite.scheduler.single_run import run_dag
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import schema
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
    assert run.run_id == "manual__2024-01-01T00:00:00+00:00"
    assert (run.run_type, run.conf, run.job_id) == ("manual", '{"x": 1}', 1)
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
        "run manual__2024-01-01T00:00:00+00:00 of d: success",
    ]


def test_an_earlier_run_of_the_same_date_is_replaced(rig, dag_of, run_once):
    rig.save(dag_of({"a": []}))
    assert run_once(outcome=lambda _: State.FAILED) == "failed"
    assert run_once() == "success"
    (run,) = rig.rows(schema.dag_run)
    assert run.state == "success"


def test_a_run_whose_tasks_are_under_way_is_not_replaced(rig, dag_of, run_once):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(4)
    with pytest.raises(UserError, match="tasks of it are queued or running"):
        run_once(logical_us=rig.clock.now_us())


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
