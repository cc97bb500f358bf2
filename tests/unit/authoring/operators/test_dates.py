"""Branches and sensors that go by the time answer as Airflow's, and some wait without a process."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from airflow_lite import (
    DAG,
    AirflowException,
    BranchDateTimeOperator,
    BranchDayOfWeekOperator,
    DateTimeSensor,
    DateTimeSensorAsync,
    DayOfWeekSensor,
    EmptyOperator,
    LatestOnlyOperator,
    TimeDeltaSensor,
    TimeDeltaSensorAsync,
    TimeSensor,
    TimeSensorAsync,
    WeekDay,
)
from airflow_lite.clock import SystemClock, to_us
from airflow_lite.errors import TaskDeferred
from fixtures.goldens import read_golden


@pytest.fixture
def shows(monkeypatch):
    """Let the clock show a moment, given as ISO text."""

    def shows(now):
        moment = datetime.fromisoformat(now)
        monkeypatch.setattr(SystemClock, "now_us", lambda _: to_us(moment))
        return moment

    return shows


def in_dag(kind, zone="UTC", **options):
    start = datetime(2024, 1, 1, tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))
    with DAG("d", schedule=None, start_date=start):
        return kind(task_id="t", **options)


def target(text):
    if text is None:
        return None
    return (datetime if "T" in text else time).fromisoformat(text)


def test_a_branch_by_date_is_airflows(shows):
    rows = read_golden("branches")["BranchDateTimeOperator"]
    for zone, now, lower, upper, by_date, expected in rows:
        branch = in_dag(
            BranchDateTimeOperator,
            zone,
            follow_task_ids_if_true="within",
            follow_task_ids_if_false="outside",
            target_lower=target(lower),
            target_upper=target(upper),
            use_task_logical_date=by_date,
        )
        found = branch.choose_branch({"logical_date": shows(now)})
        if expected is not None:  # there Airflow fails: it cannot compare the two
            assert found == expected, (zone, now, lower, upper, by_date)
    assert len({row[-1] for row in rows}) == 3


def test_a_branch_by_day_is_airflows(shows):
    rows = read_golden("branches")["BranchDayOfWeekOperator"]
    for zone, now, days, by_date, expected in rows:
        branch = in_dag(
            BranchDayOfWeekOperator,
            zone,
            follow_task_ids_if_true="is",
            follow_task_ids_if_false="is not",
            week_day=days,
            use_task_logical_date=by_date,
        )
        found = branch.choose_branch({"logical_date": shows(now)})
        assert found == expected, (zone, now, days, by_date)
    assert {row[-1] for row in rows} == {"is", "is not"}


SENSORS = {
    "DateTimeSensor": lambda zone, moment: in_dag(DateTimeSensor, zone, target_time=moment),
    "TimeSensor": lambda zone, of_day: in_dag(TimeSensor, zone, target_time=target(of_day)),
    "TimeDeltaSensor": lambda zone, hours: in_dag(
        TimeDeltaSensor, zone, delta=timedelta(hours=hours)
    ),
    "DayOfWeekSensor": lambda zone, days: in_dag(DayOfWeekSensor, zone, week_day=days),
}


@pytest.mark.parametrize("kind", SENSORS)
def test_a_sensor_of_moments_answers_as_airflows(shows, kind):
    rows = read_golden("branches")[kind]
    context = {"data_interval_end": datetime(2024, 3, 9, 23, 30, tzinfo=UTC)}
    for zone, now, value, expected in rows:
        shows(now)
        assert SENSORS[kind](zone, value).poke(context) is expected, (zone, now, value)
    assert {row[-1] for row in rows} == {True, False}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (DateTimeSensorAsync, {"target_time": datetime(2024, 3, 10, 9, 0, tzinfo=UTC)}),
        (DateTimeSensorAsync, {"target_time": "2024-03-10T11:00:00+02:00"}),
        (TimeSensorAsync, {"target_time": time(9, 0)}),
        (TimeDeltaSensorAsync, {"delta": timedelta(hours=9)}),
    ],
)
def test_an_asynchronous_sensor_defers_itself_until_its_moment(shows, kind, options):
    sensor = in_dag(kind, **options)
    context = {"data_interval_end": datetime(2024, 3, 10, 0, 0, tzinfo=UTC)}
    shows("2024-03-10T08:59:59+00:00")
    with pytest.raises(TaskDeferred) as raised:
        sensor.execute(context)

    deferral = raised.value
    assert deferral.trigger.moment == datetime(2024, 3, 10, 9, 0, tzinfo=UTC)
    assert not deferral.trigger.end_from_trigger
    assert sensor.resume_execution(deferral.method_name, {"event": None}, context) is None


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (DateTimeSensorAsync, {"target_time": "2024-03-10T11:00:00+02:00"}),
        (TimeSensorAsync, {"target_time": time(9, 0)}),
        (TimeDeltaSensorAsync, {"delta": timedelta(hours=9)}),
    ],
)
def test_an_asynchronous_sensor_may_let_its_trigger_end_it(shows, kind, options):
    sensor = in_dag(kind, end_from_trigger=True, **options)
    shows("2024-03-10T08:59:59+00:00")
    with pytest.raises(TaskDeferred) as raised:
        sensor.execute({"data_interval_end": datetime(2024, 3, 10, 0, 0, tzinfo=UTC)})
    assert raised.value.trigger.end_from_trigger


def test_a_span_that_is_over_is_not_waited_for_as_in_airflow(shows):
    sensor = in_dag(TimeDeltaSensorAsync, delta=timedelta(hours=9))
    shows("2024-03-10T09:00:01+00:00")
    assert sensor.execute({"data_interval_end": datetime(2024, 3, 10, 0, 0, tzinfo=UTC)}) is True


def test_a_time_of_another_zone_is_that_zones(shows):
    shows("2024-03-10T08:30:00+00:00")
    of_tokyo = time(17, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert in_dag(TimeSensor, target_time=of_tokyo).poke({})
    assert not in_dag(TimeSensor, target_time=time(17, 0)).poke({})


def test_only_the_latest_run_goes_on_as_in_airflow(shows):
    rows = read_golden("branches")["LatestOnlyOperator"]
    for schedule, zone, now, end, external, expected in rows:
        start = datetime(2024, 1, 1, tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))
        with DAG("d", schedule=None if schedule == "None" else schedule, start_date=start) as dag:
            only = LatestOnlyOperator(task_id="t")
            only >> EmptyOperator(task_id="after")
        shows(now)
        context = {
            "dag": dag,
            "task": only,
            "dag_run": SimpleNamespace(external_trigger=external),
            # These schedules go by an interval's end alone.
            "data_interval_start": datetime.fromisoformat(end),
            "data_interval_end": datetime.fromisoformat(end),
        }
        assert only.choose_branch(context) == expected, (schedule, zone, now, end, external)
    assert {len(row[-1]) for row in rows if not row[-2]} == {0, 1}


def test_days_are_given_by_name_or_number_alone_or_together():
    for days in ("MONDAY", "monday", WeekDay.MONDAY, ["Monday"], {WeekDay.MONDAY}):
        assert in_dag(DayOfWeekSensor, week_day=days)._days == {1}


@pytest.mark.parametrize(
    ("days", "error", "message"),
    [
        ("Funday", AttributeError, "week_day has 'Funday', which is no day. Use MONDAY, TUESDAY"),
        (3, TypeError, "week_day is 3. Make it the name of a day"),
    ],
)
def test_what_is_no_day_is_refused_where_it_is_written(days, error, message):
    with pytest.raises(error, match=message):
        in_dag(DayOfWeekSensor, week_day=days)


def test_a_branch_by_date_needs_a_bound():
    with pytest.raises(AirflowException, match="d.t: target_lower and target_upper are None"):
        in_dag(
            BranchDateTimeOperator,
            follow_task_ids_if_true="a",
            follow_task_ids_if_false="b",
            target_lower=None,
            target_upper=None,
        )
