"""Write cron.json: the runs that Airflow 2.10.5's timetables plan, DST changes included.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    AIRFLOW_HOME=$(mktemp -d) python cron.py OUTPUT_FOLDER

All moments are UTC, written `YYYY-MM-DDTHH:MM[:SS[.ffffff]]Z`.
Every planned run R[i] of "catchup" and "no_catchup" has the data interval
[moments[i], moments[i+1]] and run_after = moments[i+1]; where the intervals do not
join up, the row has "runs" (start, end, run_after) in place of "moments".
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import pendulum
from airflow import DAG
from airflow.models.dag import create_timetable
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.timetables.events import EventsTimetable
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.utils.timezone import coerce_datetime, convert_to_utc, parse_timezone
from dateutil.relativedelta import relativedelta

EXPRESSIONS = (
    "@hourly",
    "@daily",
    "@weekly",
    "@monthly",
    "@quarterly",
    "@yearly",
    "*/15 * * * *",
    "5,35 * * * *",
    "30 2 * * *",
    "30 1 * * *",
    "0 3 * * 0",
    "15 1,13 * * 1-5",
    "0 0 L * *",
    "0 12 * * 5#2",
    "*/30 1-3 * * *",
    "0 */6 * * *",
    "15 0-23 * * *",
    "0 0 13 * 5",
    "0 9 * * 7",
    "0 9 * JAN-jun mon,WED",
    "0 0 31 * *",
    "0 12 * * L5",
)
# Expressions whose one evaluation says what the syntax means; UTC only.
SYNTAX = (
    "0 0 29 2 *",
    "0 12 1-7 * 1",
    "0 0 * * 0-6",
    "0 0 * * 6-1",
    "0 0 * * sun",
    "0 0 * * 1#1,3#2",
    "*/40 * * * *",
    "1/20 * * * *",
    "10-50/20 * * * *",
    "0 22-2 * * *",
    "0 0 1,15 * 1",
    "0 0 l * *",
    "? ? * * *",
    "* * * * * 30",
    "* * * * * */20",
    "0 0 * * * 0 2025",
    "0 0 1 1 * 0 2030",
    "0  0   *  *  *",
    " 0 0 * * * ",
    "@midnight",
    "@annually",
    "@Daily",
    "@DAILY",
    "00 00 * * *",
    "H * * * *",
    "0 0 L-3 * *",
    "0 0 LW * *",
)
INVALID = (
    "",
    " ",
    "bogus",
    "* * * *",
    "* * * * * * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * 32 * *",
    "* * * 13 *",
    "* * * 0 *",
    "* * * * 8",
    "*/0 * * * *",
    "a * * * *",
    "* * * foo *",
    "* * * * xyz",
    "-1 * * * *",
    "1-100 * * * *",
    "1, * * * *",
    "1-5/ * * * *",
    "0 0 31 2 *",
    "0 0 * * 5#6",
    "@reboot",
    "@fortnightly",
    "@every 5m",
)
# zone -> starts in that zone's wall clock, a little before a change of its offset.
STARTS = {
    "UTC": ("2023-12-30 22:10", "2024-02-27 23:30"),
    "Europe/Berlin": (
        "2023-03-25 22:10",
        "2023-10-28 22:10",
        "2025-03-30 01:45",
        "2024-10-27 01:10",
    ),
    "America/New_York": ("2023-03-11 23:30", "2024-11-02 23:30"),
    "Asia/Kolkata": ("2024-03-09 22:05",),
    "Australia/Lord_Howe": ("2024-04-06 23:10", "2024-10-05 23:10"),
    "Pacific/Apia": ("2011-12-29 20:00", "2021-04-03 23:10"),
    "Asia/Seoul": ("2025-06-29 23:59",),
    "America/Sao_Paulo": ("2018-11-03 21:15", "2018-02-17 21:15"),
}
# Each expression is a long chain in every zone only where a change of offset matters.
PLAIN_ZONES = ("Asia/Kolkata", "Asia/Seoul")
PLAIN_EXPRESSIONS = ("@hourly", "@daily", "@weekly", "@monthly", "30 2 * * *", "15 1,13 * * 1-5")
NOWS = {
    "UTC": ("2024-03-01T00:00Z", "2024-03-01T00:00:30Z", "2024-03-01T10:17Z"),
    "Europe/Berlin": (
        "2024-03-31T00:30Z",
        "2024-03-31T01:00Z",
        "2024-10-27T00:30Z",
        "2024-10-27T01:30Z",
    ),
    "America/New_York": ("2024-11-03T05:30Z", "2024-11-03T06:30Z"),
    "Australia/Lord_Howe": ("2024-04-06T15:15Z", "2024-10-05T15:45Z"),
}
CATCHUP_EXPRESSIONS = (
    "@hourly",
    "@daily",
    "@weekly",
    "*/15 * * * *",
    "30 2 * * *",
    "30 1 * * *",
    "15 1,13 * * 1-5",
    "*/30 1-3 * * *",
)
DELTAS = {
    "timedelta(minutes=5)": timedelta(minutes=5),
    "timedelta(hours=1)": timedelta(hours=1),
    "timedelta(days=1)": timedelta(days=1),
    "timedelta(seconds=0.5)": timedelta(seconds=0.5),
    "relativedelta(months=1)": relativedelta(months=1),
}
LENGTH = 12


def moment(value: datetime | None) -> str | None:
    if value is None:
        return None
    text = value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return re.sub(r":00$", "", re.sub(r"\.000000$", "", text)) + "Z"


def wall(text: str, zone: str) -> pendulum.DateTime:
    return convert_to_utc(pendulum.parse(text, tz=parse_timezone(zone)))


def utc(text: str) -> pendulum.DateTime:
    return coerce_datetime(pendulum.parse(text))


@contextmanager
def frozen(now: pendulum.DateTime):
    with (
        patch("airflow.timetables.interval.utcnow", lambda: now),
        patch("airflow.timetables.simple.timezone.utcnow", lambda: now),
        patch("airflow.timetables.trigger.timezone.utcnow", lambda: now),
    ):
        yield


def chain(
    timetable, start, *, catchup: bool, latest=None, length: int = LENGTH
) -> dict[str, object]:
    """Plan runs one after the other, as the scheduler does."""
    last: DataInterval | None = None
    runs = []
    for _ in range(length):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=last,
            restriction=TimeRestriction(earliest=start, latest=latest, catchup=catchup),
        )
        if info is None:
            break
        runs.append((info.data_interval.start, info.data_interval.end, info.run_after))
        last = info.data_interval
    joined = all(end == after for _, end, after in runs) and all(
        one[1] == two[0] for one, two in zip(runs, runs[1:])
    )
    ended = len(runs) < length
    if joined and runs:
        row = {"moments": [moment(runs[0][0])] + [moment(end) for _, end, _ in runs]}
    else:
        row = {"runs": [[moment(value) for value in run] for run in runs]}
    return row | ({"then": None} if ended else {})


def failing(action) -> dict[str, str]:
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - the error is what is recorded
        return {"error": type(error).__name__, "text": str(error)}


def catchup_rows() -> list[dict[str, object]]:
    rows = []
    for zone, starts in STARTS.items():
        plain = zone in PLAIN_ZONES
        for expression in PLAIN_EXPRESSIONS if plain else EXPRESSIONS:
            for text in starts:
                start = wall(text, zone)
                timetable = create_timetable(expression, parse_timezone(zone))
                rows.append(
                    {"schedule": expression, "timezone": zone, "start": moment(start)}
                    | failing(lambda: chain(timetable, start, catchup=True))
                )
    return rows


def latest_rows() -> list[dict[str, object]]:
    rows = []
    for schedule in ("@daily", "@hourly", "@once", timedelta(hours=6), None):
        for start, latest in (
            ("2024-01-01T00:00Z", "2024-01-01T00:00Z"),
            ("2024-01-01T00:00Z", "2024-01-02T12:00Z"),
            ("2024-01-01T00:00Z", "2024-01-03T00:00Z"),
            ("2024-01-05T00:00Z", "2024-01-03T00:00Z"),
        ):
            timetable = create_timetable(schedule, parse_timezone("UTC"))
            rows.append(
                {"schedule": name(schedule), "start": start, "latest": latest}
                | chain(timetable, utc(start), catchup=True, latest=utc(latest), length=60)
            )
    return rows


def no_catchup_rows() -> list[dict[str, object]]:
    rows = []
    for zone, nows in NOWS.items():
        for expression in CATCHUP_EXPRESSIONS:
            for now in nows:
                for start in (None, "2023-01-01T00:00Z", "2030-01-01T05:30Z"):
                    if start == "2030-01-01T05:30Z" and now != nows[0]:
                        continue
                    if start is None and zone != "UTC":
                        continue
                    timetable = create_timetable(expression, parse_timezone(zone))
                    with frozen(utc(now)):
                        earliest = utc(start) if start else None
                        # Airflow's own assertion fails inside some folds of the clock.
                        runs = failing(lambda: chain(timetable, earliest, catchup=False, length=3))
                    rows.append(
                        {"schedule": expression, "timezone": zone, "start": start, "now": now}
                        | runs
                    )
    return rows


def other_rows() -> list[dict[str, object]]:
    """@once, @continuous, None and timedelta, with and without catchup."""
    rows = []
    schedules = {"@once": "@once", "@continuous": "@continuous", "None": None, **DELTAS}
    for label, schedule in schedules.items():
        for start in (None, "2024-01-31T10:07Z", "2030-01-01T05:30Z"):
            for catchup in (True, False):
                timetable = create_timetable(schedule, parse_timezone("UTC"))
                now = "2024-06-15T12:34:56Z"
                with frozen(utc(now)):
                    runs = failing(
                        lambda: chain(
                            timetable, utc(start) if start else None, catchup=catchup, length=5
                        )
                    )
                rows.append(
                    {"schedule": label, "start": start, "catchup": catchup, "now": now} | runs
                )
    return rows


def manual_rows() -> list[dict[str, object]]:
    moments = {
        "UTC": ("2024-02-29T00:00Z", "2024-02-29T00:00:01Z", "2024-06-15T12:34:56Z"),
        "Europe/Berlin": (
            "2024-03-31T01:30Z",
            "2024-10-27T00:30Z",
            "2024-10-27T01:30Z",
            "2024-10-27T02:00Z",
        ),
        "Australia/Lord_Howe": ("2024-04-06T15:15Z", "2024-10-05T16:00Z"),
    }
    rows = []
    for zone, texts in moments.items():
        for expression in CATCHUP_EXPRESSIONS:
            for text in texts:
                rows.append(manual_row(expression, zone, text))
    for label, schedule in {
        "@once": "@once",
        "@continuous": "@continuous",
        "None": None,
        **DELTAS,
    }.items():
        rows.append(manual_row(schedule, "UTC", "2024-06-15T12:34:56.789Z") | {"schedule": label})
    return rows


def manual_row(schedule, zone: str, text: str) -> dict[str, object]:
    timetable = create_timetable(schedule, parse_timezone(zone))
    interval = timetable.infer_manual_data_interval(run_after=utc(text))
    return {
        "schedule": schedule,
        "timezone": zone,
        "run_after": text,
        "interval": [moment(interval.start), moment(interval.end)],
    }


def trigger_rows() -> list[dict[str, object]]:
    """CronTriggerTimetable: what it plans and what runs by hand cover."""
    rows = []
    for zone, texts in STARTS.items():
        for expression in ("@daily", "*/15 * * * *", "30 2 * * *", "15 1,13 * * 1-5"):
            for minutes in (0, 90):
                timetable = CronTriggerTimetable(
                    expression, timezone=parse_timezone(zone), interval=timedelta(minutes=minutes)
                )
                row = {"schedule": expression, "timezone": zone, "minutes": minutes}
                for text in texts:
                    start = wall(text, zone)
                    rows.append(
                        row
                        | {"start": moment(start), "catchup": True}
                        | failing(lambda: chain(timetable, start, catchup=True, length=6))
                    )
                    now = start.add(days=1, seconds=1)
                    for earliest in (None, start, start.add(days=3)):
                        with frozen(now):
                            runs = chain(timetable, earliest, catchup=False, length=3)
                        rows.append(
                            row
                            | {"start": moment(earliest), "catchup": False, "now": moment(now)}
                            | runs
                        )
                    interval = timetable.infer_manual_data_interval(run_after=now)
                    rows.append(
                        row
                        | {"manual": moment(now)}
                        | {"interval": [moment(interval.start), moment(interval.end)]}
                    )
    return rows


EVENTS = ("2024-03-01T10:00Z", "2024-03-04T00:00Z", "2024-03-04T00:00:01Z", "2024-06-01T08:30Z")


def event_rows() -> list[dict[str, object]]:
    """EventsTimetable: what it plans with catchup, and what runs by hand cover."""
    rows = []
    dates = [utc(text) for text in reversed(EVENTS)]
    for restricted in (False, True):
        timetable = EventsTimetable(event_dates=dates, restrict_to_events=restricted)
        row = {"events": list(EVENTS), "restricted": restricted}
        for start in (None, "2024-03-02T00:00Z", "2024-03-04T00:00Z", "2025-01-01T00:00Z"):
            for latest in (None, "2024-03-04T00:00Z"):
                runs = chain(
                    timetable,
                    utc(start) if start else None,
                    catchup=True,
                    latest=utc(latest) if latest else None,
                )
                rows.append(row | {"start": start, "latest": latest} | runs)
        for text in ("2024-01-01T00:00Z", "2024-03-04T00:00Z", "2024-05-01T00:00Z"):
            interval = timetable.infer_manual_data_interval(run_after=utc(text))
            spelled = [moment(interval.start), moment(interval.end)]
            rows.append(row | {"manual": text, "interval": spelled})
    return rows


def syntax_rows() -> list[dict[str, object]]:
    rows = []
    start = utc("2024-01-31T10:07Z")
    for expression in SYNTAX:

        def plan(expression=expression):
            timetable = create_timetable(expression, parse_timezone("UTC"))
            timetable.validate()
            return chain(timetable, start, catchup=True, length=8)

        rows.append({"schedule": expression, "start": moment(start)} | failing(plan))
    return rows


def invalid_rows() -> list[dict[str, object]]:
    """What a DAG file's author is told, when the DAG is made or when it is checked."""
    rows = []
    values = [*INVALID, timedelta(0), timedelta(days=-1), 5, 1.5, ["0 0 * * *", 3], {"a": 1}]
    for value in values:

        def build(value=value):
            dag = DAG("bad", schedule=value, start_date=datetime(2024, 1, 1))
            dag.timetable.validate()
            dag.validate()
            return {}

        rows.append({"schedule": name(value)} | failing(build))
    return rows


def name(value: object) -> object:
    return value if value is None or isinstance(value, str) else repr(value)


def write(path: Path, data: dict[str, object]) -> None:
    """One row a line."""
    parts = []
    for key, value in data.items():
        if isinstance(value, list):
            lines = ",\n".join("  " + json.dumps(row) for row in value)
            parts.append(f" {json.dumps(key)}: [\n{lines}\n ]")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value)}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def main(output: Path) -> None:
    warnings.simplefilter("ignore")
    versions = {package: version(package) for package in ("apache-airflow", "croniter", "pendulum")}
    data = {
        "made_with": versions,
        "catchup": catchup_rows(),
        "no_catchup": no_catchup_rows(),
        "latest": latest_rows(),
        "other": other_rows(),
        "manual": manual_rows(),
        "trigger": trigger_rows(),
        "events": event_rows(),
        "syntax": syntax_rows(),
        "invalid": invalid_rows(),
    }
    write(output / "cron.json", data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
