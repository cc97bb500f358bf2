"""A DAG whose runs fail one after the other is paused, after those that Airflow counts."""

from __future__ import annotations

import pytest

from airflow_lite.spec.timetable import schedule_spec
from airflow_lite.states import TaskInstanceState as State
from airflow_lite.store import schema
from fixtures.goldens import read_golden

GOLDEN = read_golden("callbacks")["limits"]
HOUR_S, DAY_US = 3_600, 86_400_000_000
POLL_S = 2  # in which the scheduler looks by itself
ENDS = {"success": State.SUCCESS, "failed": State.FAILED}


@pytest.fixture
def rig(make_rig):
    return make_rig(scheduler__fallback_poll_s=1, scheduler__beat_timeout_s=HOUR_S)


def is_paused(rig):
    return rig.rows(schema.dag)[0].is_paused


@pytest.mark.parametrize("case", GOLDEN)
def test_a_dag_is_paused_after_the_runs_after_which_airflow_pauses_it(rig, dag_of, case):
    limit, runs = GOLDEN[case]["limit"], GOLDEN[case]["runs"]
    spec = dag_of({"a": []}, max_consecutive_failed_dag_runs=limit, dagrun_timeout_s=HOUR_S)
    version = rig.save(spec)
    rig.start(outcome=lambda key: ENDS.get(dict(runs)[int(key.run_id)]))
    paused = []
    for day, outcome in runs:
        rig.trigger(spec, version, str(day), logical_us=day * DAY_US)
        rig.after(POLL_S)
        if outcome == "timed out":
            rig.clock.advance(HOUR_S)
            rig.settle()
        paused.append(is_paused(rig))

    assert paused == GOLDEN[case]["paused"]


def test_no_run_is_made_after_the_failure_that_pauses(rig, dag_of, caplog):
    spec = dag_of(
        {"a": []},
        max_consecutive_failed_dag_runs=2,
        catchup=True,
        max_active_runs=1,
        schedule=schedule_spec("@hourly"),
        start_date_us=rig.clock.now_us(),
    )
    rig.save(spec)
    rig.start(outcome=lambda _: State.FAILED)
    rig.clock.advance(9 * HOUR_S)
    rig.settle(50)

    assert [row.state for row in rig.rows(schema.dag_run)] == ["failed", "failed"]
    said = [record.getMessage() for record in caplog.records if "is paused" in record.getMessage()]
    assert said == [
        "DAG 'd' is paused, since its last 2 runs failed: that is its"
        " max_consecutive_failed_dag_runs. Let it go on with `airflow-lite dags unpause d`."
    ]


def test_a_dag_that_somebody_lets_go_on_is_paused_by_its_next_failure(rig, dag_of):
    spec = dag_of({"a": []}, max_consecutive_failed_dag_runs=2)
    version = rig.save(spec)
    rig.start(outcome=lambda _: State.FAILED)
    for number in range(2):
        rig.trigger(spec, version, str(number), logical_us=number)
        rig.after(POLL_S)
    rig.edit(schema.dag, schema.dag.c.dag_id == "d", is_paused=False, row_version=99)
    rig.after(POLL_S)
    assert not is_paused(rig)

    rig.trigger(spec, version, "2", logical_us=2)
    rig.after(POLL_S)

    assert is_paused(rig)


def test_runs_of_dags_test_do_not_count(rig, dag_of):
    spec = dag_of({"a": []}, max_consecutive_failed_dag_runs=2)
    version = rig.save(spec)
    rig.start(outcome=lambda _: State.FAILED)
    for number, kind in enumerate(("manual", "test")):
        rig.trigger(spec, version, str(number), logical_us=number, run_type=kind)
        rig.after(POLL_S)

    assert [row.state for row in rig.rows(schema.dag_run)] == ["failed", "failed"]
    assert not is_paused(rig)
