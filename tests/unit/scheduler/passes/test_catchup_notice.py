"""A DAG that is about to run much of its past: the log says so, once and in one line."""

from __future__ import annotations

import pytest

from airflow_lite.spec.timetable import schedule_spec

HOUR_US = 3_600_000_000


def told(caplog):
    return [record.getMessage() for record in caplog.records if "runs are due" in record.msg]


def start(rig, dag_of, hours, **settings):
    """Start a scheduler on an hourly DAG that is so many hours behind."""
    begin_us = rig.clock.now_us() - hours * HOUR_US
    spec = dag_of({"a": []}, start_date_us=begin_us, schedule=schedule_spec("@hourly"), **settings)
    rig.save(spec)
    rig.start(outcome=lambda _: None)
    rig.settle()
    return spec


def test_a_dag_that_catches_up_on_many_runs_is_told_with_their_number(rig, dag_of, caplog):
    start(rig, dag_of, hours=101, catchup=True)
    (line,) = told(caplog)
    assert line.startswith("DAG 'd' has catchup=True, and 101 runs are due: ")


def test_a_dag_that_is_years_behind_is_not_counted_to_the_end(rig, dag_of, caplog):
    start(rig, dag_of, hours=5_000, catchup=True)
    assert "1000 or more runs are due" in told(caplog)[0]


@pytest.mark.parametrize(("hours", "catchup"), [(5, True), (100, False)])
def test_few_runs_and_a_dag_without_catchup_are_not_told(rig, dag_of, caplog, hours, catchup):
    start(rig, dag_of, hours=hours, catchup=catchup)
    assert told(caplog) == []
