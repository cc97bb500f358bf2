"""What an author may write as a schedule, and how it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_lite.clock import to_us
from airflow_lite.spec.model import DagRunInfo, DagSpec, ScheduleSpec
from airflow_lite.spec.pace import zone
from airflow_lite.spec.timetable import (
    following_run,
    manual_interval,
    schedule_spec,
    scheduled_interval,
)

DAY_US = 86_400_000_000


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        (None, ScheduleSpec("none", "", 0.0, "None", "Never, external triggers only")),
        ("@once", ScheduleSpec("once", "", 0.0, "@once", "Once, as soon as possible")),
        ("@daily", ScheduleSpec("cron", "0 0 * * *", 0.0, "@daily", "At 00:00")),
        (
            "@Hourly",
            ScheduleSpec("cron", "0 * * * *", 0.0, "@Hourly", "At the start of every hour"),
        ),
        (
            " 5  4 * * * ",
            ScheduleSpec("cron", "5 4 * * *", 0.0, "5  4 * * *", "At 04:05"),
        ),
        (timedelta(minutes=30), ScheduleSpec("delta", "", 1800.0, "0:30:00")),
    ],
)
def test_a_schedule_becomes_data(value: object, spec: ScheduleSpec) -> None:
    assert schedule_spec(value) == spec


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * * *", "Every minute"),
        ("*/15 * * * *", "At minutes 0, 15, 30, and 45 of every hour"),
        ("15 1,13 * * 1-3", "At 01:15 and 13:15 on Monday, Tuesday, and Wednesday"),
        ("0 0 L * *", "At 00:00 on the last day of every month"),
        ("0 0 1 1 *", "At 00:00 on January 1"),
        ("0 0 * * L5", "At 00:00 on the last Friday of the month"),
        ("0 0 * * 5#2", "At 00:00 on the second Friday of the month"),
        ("* * * * * 30", "At second 30 of every minute"),
    ],
)
def test_cron_is_put_into_words(expression: str, words: str) -> None:
    assert schedule_spec(expression).description == words


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("@dayly", "schedule '@dayly' is not a preset. Did you mean '@daily' or '@yearly'?"),
        (
            "60 * * * *",
            "cron expression '60 * * * *': '60' is not a minute."
            " Write 0-59, lists, ranges, * or */step.",
        ),
        (
            "* * * * x",
            "cron expression '* * * * x': 'x' is not a day of the week."
            " Write 0-6, sun-sat, lists, ranges, * or */step.",
        ),
        (
            "0 0 31 2 *",
            "cron expression '0 0 31 2 *' never fires: no month has such a day.",
        ),
        (
            5,
            "schedule 5: int is not supported. Write a cron expression, a preset such as '@daily',"
            " a timedelta, datasets, a timetable, or None.",
        ),
        (
            timedelta(0),
            "schedule datetime.timedelta(0) is not positive. Write a longer timedelta.",
        ),
    ],
)
def test_a_wrong_schedule_says_what_to_write(value: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        schedule_spec(value)
    assert str(caught.value) == message


def test_relativedelta_is_refused_with_what_to_write() -> None:
    class relativedelta:  # noqa: N801 - stands for dateutil's, which is no dependency
        def __repr__(self) -> str:
            return "relativedelta(months=+1)"

    with pytest.raises(
        ValueError, match=r"^schedule relativedelta\(months=\+1\): relativedelta is"
    ):
        schedule_spec(relativedelta())


def test_a_message_does_not_repeat_a_huge_expression() -> None:
    with pytest.raises(ValueError, match="^cron expression ") as caught:
        schedule_spec("* " * 10_000)
    assert len(str(caught.value)) < 300


def test_star_with_step_and_weekday_are_alternatives_as_in_airflow() -> None:
    # cronsim alone reads "*/2 … 1" as odd days that are Mondays.
    spec = schedule_spec("0 0 */2 1 1")
    start = to_us(datetime(2024, 1, 2, 12, tzinfo=UTC))
    run = following_run(DagSpec("d", schedule=spec, start_date_us=start), None, start)
    assert run is not None
    assert run.logical_us == to_us(datetime(2024, 1, 3, tzinfo=UTC))


def test_a_changed_schedule_begins_at_its_own_boundary() -> None:
    hour = DAY_US // 24
    dag = DagSpec("d", schedule=schedule_spec("@daily"), start_date_us=0)
    run = following_run(dag, 11 * hour, 12 * hour)
    assert run == DagRunInfo(0, 0, DAY_US, DAY_US)


def test_a_run_begins_where_the_last_interval_ended() -> None:
    dag = DagSpec("d", schedule=schedule_spec(timedelta(days=1)), start_date_us=0)
    run = following_run(dag, DAY_US, 0)
    assert run == DagRunInfo(DAY_US, DAY_US, 2 * DAY_US, 2 * DAY_US)


NEVER = [
    (timedelta.max, 0),
    (timedelta(days=1), to_us(datetime.max.replace(tzinfo=UTC))),
    ("@daily", to_us(datetime.max.replace(tzinfo=UTC))),
    ("0 0 1 1 *", to_us(datetime(9999, 6, 1, tzinfo=UTC))),
]


@pytest.mark.parametrize(("value", "start"), NEVER)
def test_past_the_end_of_the_calendar_no_run_comes(value: object, start: int) -> None:
    dag = DagSpec("d", schedule=schedule_spec(value), start_date_us=start, catchup=True)
    assert following_run(dag, None, start) is None


@pytest.mark.parametrize("value", [timedelta.max, "@daily", "@yearly"])
def test_before_the_calendar_begins_a_manual_run_has_no_interval(value: object) -> None:
    moment = to_us(datetime(1, 1, 1, 5, tzinfo=UTC))
    dag = DagSpec("d", schedule=schedule_spec(value))
    assert manual_interval(dag, moment) == (moment, moment)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Europe/Berlin", ZoneInfo("Europe/Berlin")),
        ("utc", UTC),
        ("UTC+05:30", timezone(timedelta(hours=5, minutes=30))),
        ("-08:00", timezone(timedelta(hours=-8))),
    ],
)
def test_time_zones_are_iana_names_or_fixed_offsets(name: str, found: object) -> None:
    assert zone(name) == found


@pytest.mark.parametrize("name", ["Mars/Phobos", "", "../etc/passwd", "UTC+99:00"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="^There is no time zone "):
        zone(name)


FIELDS = st.tuples(
    st.sampled_from(["*", "0", "*/15", "7,37", "59"]),
    st.sampled_from(["*", "0", "2", "1-3", "*/6", "0-23", "23"]),
    st.sampled_from(["*", "1", "31", "*/2", "L"]),
    st.sampled_from(["*", "3", "10", "*/3"]),
    st.sampled_from(["*", "0", "5#2", "L5", "mon-fri"]),
)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is slow
@given(FIELDS, ZONES, st.integers(0, 4_000_000_000))
def test_each_run_ends_after_the_one_before_in_every_zone(
    fields: tuple[str, ...], zone_name: str, start_s: int
) -> None:
    dag = DagSpec(
        "d",
        schedule=schedule_spec(" ".join(fields)),
        timezone=zone_name,
        start_date_us=start_s * 1_000_000,
    )
    last = None
    for _ in range(4):
        run = following_run(dag, last and last.interval_end_us, 0)
        assert run is not None
        assert run.interval_start_us < run.interval_end_us == run.run_after_us
        assert last is None or last.interval_end_us < run.interval_end_us
        last = run


@pytest.mark.parametrize("value", ["@daily", timedelta(days=1)])
def test_a_date_has_the_interval_before_by_hand_and_its_own_by_schedule(value: object) -> None:
    # Airflow 2.10.5: infer_manual_data_interval(run_after=2024-01-02) is 2024-01-01 to 2024-01-02.
    dag = DagSpec("d", schedule=schedule_spec(value))
    day = to_us(datetime(2024, 1, 2, tzinfo=UTC))
    assert manual_interval(dag, day) == (day - DAY_US, day)
    assert scheduled_interval(dag, day) == (day, day + DAY_US)


def test_a_moment_that_the_schedule_has_not_is_refused_with_its_neighbours() -> None:
    dag = DagSpec("d", schedule=schedule_spec("@daily"))
    with pytest.raises(ValueError, match=r"no date of the schedule '@daily'\. The one before is"):
        scheduled_interval(dag, to_us(datetime(2024, 1, 2, 5, tzinfo=UTC)))
