"""A scheduler tells what Airflow's tells: tries, runs, pools, the executor's slots, that it lives."""

from __future__ import annotations

import re

import pytest

from airflow_lite.scheduler.loop.loop import SQLITE_BEAT_S
from airflow_lite.spec.timetable import schedule_spec
from airflow_lite.states import TaskInstanceState as State


@pytest.fixture
def file(tmp_path):
    return tmp_path / "metrics.prom"


@pytest.fixture
def rig(make_rig, file):
    return make_rig(metrics__prometheus_file=file, scheduler__fallback_poll_s=1)


def lines(file):
    """Return name and labels -> value."""
    texts = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in texts)}


def test_tries_and_runs_and_pools_are_counted(rig, dag_of, file):
    failing = lambda key: State.FAILED if key.task_id == "b" else State.SUCCESS  # noqa: E731
    rig.begin(
        dag_of({"a": ["b"]}, of_task={"b": {"retries": 1, "retry_delay_s": 1.0}}), outcome=failing
    )
    rig.after(2 * SQLITE_BEAT_S + 1)

    found = lines(file)
    assert found['airflow_ti_start_total{dag_id="d",task_id="b"}'] == 2
    assert found['airflow_ti_finish_total{dag_id="d",state="success",task_id="a"}'] == 1
    assert found['airflow_ti_finish_total{dag_id="d",state="up_for_retry",task_id="b"}'] == 1
    assert found['airflow_ti_finish_total{dag_id="d",state="failed",task_id="b"}'] == 1
    assert found['airflow_ti_successes_total{dag_id="d",task_id="a"}'] == 1
    assert found['airflow_ti_failures_total{dag_id="d",task_id="b"}'] == 2
    run = 'airflow_dagrun_duration_failed_seconds_count{dag_id="d",run_type="manual"}'
    assert found[run] == 1
    assert found['airflow_pool_open_slots{pool_name="default_pool"}'] == 128
    assert found["airflow_dagbag_size"] == 1
    assert found["airflow_dag_processing_import_errors"] == 0
    assert found["airflow_scheduler_heartbeat_total"] >= 1


def test_how_long_tries_take_and_how_late_scheduled_runs_start_is_told(rig, dag_of, file):
    start = rig.clock.now_us()
    daily = schedule_spec("@daily")
    rig.save(dag_of({"a": []}, schedule=daily, start_date_us=start, catchup=True))
    rig.start()
    rig.after(2 * 86_400, step=6 * 3_600 + 7)

    found = lines(file)
    delay = 'airflow_dagrun_schedule_delay_seconds_{}{{dag_id="d"}}'
    assert found[delay.format("count")] >= 1
    assert 0 <= found[delay.format("sum")] / found[delay.format("count")] <= 6 * 3_600 + 7
    took = 'airflow_task_duration_seconds_count{dag_id="d",task_id="a"}'
    assert found[took] >= 1


def test_the_gauges_of_the_executor_are_there(rig, dag_of, file):
    rig.begin(dag_of({"a": [], "b": []}), outcome=lambda _: None, parallelism=4)
    rig.after(SQLITE_BEAT_S + 1)

    gauges = {
        re.sub("{.*", "", name): value
        for name, value in lines(file).items()
        if name.startswith("airflow_executor_")
    }
    assert gauges == {
        "airflow_executor_open_slots": 2,
        "airflow_executor_queued_tasks": 0,
        "airflow_executor_running_tasks": 2,
    }


def test_the_last_figures_are_written_at_the_end(rig, dag_of, file):
    rig.begin(dag_of({"a": []}))
    rig.settle()
    rig.end()

    assert lines(file)['airflow_ti_successes_total{dag_id="d",task_id="a"}'] == 1
