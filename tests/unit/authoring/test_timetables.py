"""Timetables in a DAG file: what they become, and what is said of one that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_lite import (
    DAG,
    AirflowDagException,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DeltaDataIntervalTimetable,
    EmptyOperator,
    EventsTimetable,
    MultipleCronTriggerTimetable,
)
from airflow_lite.clock import to_us
from airflow_lite.parsing.serialize import dag_spec
from airflow_lite.spec.model import DagSpec
from airflow_lite.spec.timetable import (
    count_due,
    following_run,
    neighbours,
    schedule_spec,
    scheduled_interval,
)

START = datetime(2024, 3, 1, tzinfo=UTC)
WRONG: Any = 5
BERLIN = ZoneInfo("Europe/Berlin")


def made(**options):
    """Return a DAG as the scheduler has it."""
    with DAG("d", start_date=START, catchup=True, **options) as dag:
        EmptyOperator(task_id="t")
    return DagSpec.from_json(dag_spec(dag).to_json())


def us(year, month, day, hour=0):
    return to_us(datetime(year, month, day, hour, tzinfo=UTC))


def test_a_timetable_survives_its_way_through_the_store():
    event = datetime(2024, 3, 5, 12, tzinfo=UTC)
    dag = made(schedule=EventsTimetable([event], restrict_to_events=True))
    run = following_run(dag, None, 0)
    assert run is not None
    assert run.run_after_us == to_us(event)
    assert following_run(dag, run.interval_end_us, 0) is None


@pytest.mark.parametrize("name", ["schedule", "timetable"])
def test_a_timetable_is_given_as_schedule_or_by_its_older_name(name):
    dag = made(**{name: CronTriggerTimetable("@daily", timezone=BERLIN)})
    run = following_run(dag, None, 0)
    assert run is not None
    assert run == (us(2024, 3, 1, 23),) * 4


def test_an_interval_of_a_timetable_is_that_of_the_plain_schedule_in_its_own_zone():
    berlin = made(schedule=CronDataIntervalTimetable("0 6 * * *", "Europe/Berlin"))
    run = following_run(berlin, None, 0)
    assert run is not None
    assert (run.interval_start_us, run.run_after_us) == (us(2024, 3, 1, 5), us(2024, 3, 2, 5))
    delta = timedelta(hours=6)
    assert DeltaDataIntervalTimetable(delta).spec == schedule_spec(delta)


def test_several_expressions_fire_at_each_of_their_moments_once():
    several = MultipleCronTriggerTimetable("0 6 * * *", "0 6,18 * * *", timezone="UTC")
    dag, last, found = made(schedule=several), None, []
    for _ in range(3):
        run = following_run(dag, last, 0)
        assert run is not None
        last = run.interval_end_us
        found.append(last)
    assert found == [us(2024, 3, 1, 6), us(2024, 3, 1, 18), us(2024, 3, 2, 6)]
    assert several.summary == "0 6 * * *, 0 6,18 * * *"


def test_due_runs_are_counted_up_to_a_number():
    dag = made(schedule=CronTriggerTimetable("@daily", timezone="UTC"))
    now = us(2024, 3, 4, 12)
    assert count_due(dag, None, now, 100) == 4
    assert count_due(dag, us(2024, 3, 2), now, 100) == 2
    assert count_due(dag, None, now, 3) == 3


def test_a_date_of_the_timetable_has_its_interval_and_any_other_is_told():
    hour = timedelta(hours=1)
    dag = made(schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC", interval=hour))
    assert scheduled_interval(dag, us(2024, 3, 2, 5)) == (us(2024, 3, 2, 5), us(2024, 3, 2, 6))
    message = (
        r"2024-03-02T06:00:00\+00:00 is no date of the schedule '0 6 \* \* \*'. The nearest:"
        r" 2024-03-02T05:00:00\+00:00, 2024-03-03T05:00:00\+00:00"
    )
    with pytest.raises(ValueError, match=message):
        scheduled_interval(dag, us(2024, 3, 2, 6))


def test_the_date_after_a_run_is_that_of_the_next_moment():
    dag = made(schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC"))
    at = us(2024, 3, 2, 6)
    assert neighbours(dag, at, at) == (None, us(2024, 3, 3, 6))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CronTriggerTimetable("bogus", timezone="UTC"), "bogus"),
        (lambda: CronTriggerTimetable("@once", timezone="UTC"), "'@once' is no cron expression"),
        (lambda: CronTriggerTimetable(WRONG, timezone="UTC"), "5 is no cron expression"),
        (lambda: CronTriggerTimetable("@daily", timezone="Mars"), "no time zone 'Mars'"),
        (lambda: CronTriggerTimetable("@daily", timezone="UTC", interval=WRONG), "interval is 5"),
        (lambda: MultipleCronTriggerTimetable(timezone="UTC"), "There is no cron expression"),
        (lambda: DeltaDataIntervalTimetable(timedelta(0)), "is not positive"),
        (lambda: DeltaDataIntervalTimetable(WRONG), "delta is 5. Make it a timedelta"),
        (lambda: EventsTimetable([]), "event_dates is empty"),
        (lambda: EventsTimetable([WRONG]), "event_dates has 5"),
    ],
)
def test_what_is_wrong_with_a_timetable_is_said_where_it_is_made(make, message):
    with pytest.raises(AirflowDagException, match=message):
        make()


def test_only_one_schedule_is_given():
    daily = CronTriggerTimetable("@daily", timezone="UTC")
    with pytest.raises(AirflowDagException, match="mean the same"):
        DAG("d", schedule="@daily", timetable=daily)
