"""Timetables of authors in the loop: told both ends of the last interval, asked again if they fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_lite.spec import own_timetable
from airflow_lite.spec.model import DagRunInfo, ScheduleSpec
from airflow_lite.store import runs, schema

HOUR_US = 3_600_000_000
SPEC = ScheduleSpec(own_timetable.KIND, timetable="doubling")


class Doubling:
    """Intervals of an hour, two hours, four hours …, unless it is broken."""

    def __init__(self):
        self.is_broken = False
        self.asked = []

    def following_run(self, dag, last_us):
        self.asked.append(last_us)
        if self.is_broken:
            raise RuntimeError("no calendar")
        start, length = dag.start_date_us, HOUR_US
        if last_us is not None:
            start, length = last_us[1], 2 * (last_us[1] - last_us[0])
        return DagRunInfo(start, start, start + length, start + length)

    def manual_interval(self, run_after_us):
        return run_after_us, run_after_us


@pytest.fixture
def doubling():
    timetable = Doubling()
    own_timetable.remember(SPEC, timetable)
    yield timetable
    own_timetable._known().clear()


@pytest.fixture
def spec(rig, dag_of):
    start = rig.clock.now_us()
    return dag_of({"a": []}, schedule=SPEC, start_date_us=start, catchup=True, max_active_runs=16)


@pytest.fixture
def rig(make_rig):
    return make_rig(scheduler__fallback_poll_s=1, scheduler__beat_timeout_s=3_600)


def hours(rig):
    first = rig.rows(schema.dag_run)[0].logical_us
    return [
        ((row.interval_start_us - first) // HOUR_US, (row.interval_end_us - first) // HOUR_US)
        for row in rig.rows(schema.dag_run)
    ]


def test_each_interval_follows_from_the_one_before(rig, spec, doubling):
    rig.save(spec)
    rig.start()
    rig.clock.advance(7 * 3_600)
    rig.settle(40)

    assert hours(rig) == [(0, 1), (1, 3), (3, 7)]


def test_another_scheduler_goes_on_where_the_last_interval_was(rig, spec, doubling):
    version = rig.save(spec)
    first = spec.start_date_us
    with rig.store.begin() as connection:
        runs.create_run(
            connection,
            spec,
            version,
            run_id="scheduled__x",
            run_type="scheduled",
            logical_us=first,
            interval=(first, first + 2 * HOUR_US),
            now_us=rig.clock.now_us(),
        )
    rig.start()
    rig.clock.advance(6 * 3_600)
    rig.settle(40)

    assert doubling.asked[0] == (first, first + 2 * HOUR_US)
    assert hours(rig) == [(0, 2), (2, 6)]


def test_one_that_fails_is_told_once_and_asked_again_after_a_minute(rig, spec, doubling, caplog):
    doubling.is_broken = True
    rig.save(spec)
    rig.start()
    rig.clock.advance(3_600)
    rig.settle()
    rig.after(150, step=10)
    said = [record for record in caplog.records if "cannot be planned" in record.getMessage()]
    assert [record.getMessage() for record in said] == [
        "the next runs of DAG 'd' cannot be planned; its timetable is asked again in a minute"
    ]

    doubling.is_broken = False
    rig.after(70, step=10)
    assert hours(rig) == [(0, 1)]


def test_one_that_makes_no_runs_by_itself_is_not_asked(rig, spec, doubling):
    rig.save(replace(spec, schedule=replace(SPEC, can_be_scheduled=False)))
    rig.start()
    rig.settle()

    assert doubling.asked == []
