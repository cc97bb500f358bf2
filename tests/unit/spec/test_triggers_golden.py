"""Timetables that make runs at moments plan what Airflow's plan."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from airflow_lite import CronTriggerTimetable, EventsTimetable
from airflow_lite.clock import to_us
from airflow_lite.spec.model import DagSpec
from airflow_lite.spec.timetable import following_run, manual_interval
from fixtures.goldens import read_golden

GOLDEN = read_golden("cron")


def us(text: str | None) -> int | None:
    return None if text is None else to_us(datetime.fromisoformat(text))


def dag_of(row: dict[str, Any]) -> DagSpec:
    timetable: Any
    if "events" in row:
        dates = [datetime.fromisoformat(text) for text in row["events"]]
        timetable = EventsTimetable(dates, restrict_to_events=row["restricted"])
    else:
        timetable = CronTriggerTimetable(
            row["schedule"], timezone=row["timezone"], interval=timedelta(minutes=row["minutes"])
        )
    return DagSpec(
        "d",
        schedule=timetable.spec,
        start_date_us=us(row.get("start")),
        end_date_us=us(row.get("latest")),
        catchup=row.get("catchup", True),
    )


def expected(row: dict[str, Any]) -> list[tuple[int | None, ...]]:
    if "runs" in row:
        return [tuple(map(us, run)) for run in row["runs"]]
    return [(us(start), us(end), us(end)) for start, end in pairwise(row["moments"])]


def planned(row: dict[str, Any]) -> list[tuple[int, int, int]]:
    dag, last, found = dag_of(row), None, []
    for _ in range(len(expected(row)) + ("then" in row)):
        run = following_run(dag, last, us(row.get("now")) or 0)
        if run is None:
            break
        found.append((run.interval_start_us, run.interval_end_us, run.run_after_us))
        last = run.interval_end_us
    return found


ROWS = GOLDEN["trigger"] + GOLDEN["events"]


def test_runs_are_planned_as_airflow_plans_them():
    rows = [row for row in ROWS if "manual" not in row and "error" not in row]
    wrong = [(row, planned(row)) for row in rows if planned(row) != _known_start(row)]
    assert wrong == []
    assert len(rows) > 300


def _known_start(row: dict[str, Any]) -> list[tuple[int | None, ...]]:
    """Without a start date Airflow catches up with events, here as with cron: nothing is known."""
    if "events" in row and row["start"] is None:
        return []
    return expected(row)


def test_runs_by_hand_cover_what_they_do_in_airflow():
    rows = [row for row in ROWS if "manual" in row]
    for row in rows:
        at = us(row["manual"])
        assert at is not None
        assert manual_interval(dag_of(row), at) == tuple(map(us, row["interval"])), row
    assert len(rows) > 50


@pytest.mark.parametrize(
    ("now", "last", "run"),
    [
        ("2024-02-01", None, None),
        ("2024-03-01T10:00:00", None, "2024-03-01T10:00:00"),
        ("2024-03-03", None, "2024-03-01T10:00:00"),
        ("2024-03-05", "2024-03-01T10:00:00", "2024-03-04T00:00:01"),
        ("2024-03-05", "2024-03-04T00:00:01", "2024-06-01T08:30:00"),
        ("2024-07-01", "2024-06-01T08:30:00", None),
    ],
)
def test_without_catchup_the_last_event_that_passed_has_its_run_and_none_is_missed(now, last, run):
    """Airflow would make none where it looks a moment after the event."""
    row = {"events": GOLDEN["events"][0]["events"], "restricted": False, "catchup": False}
    moments = [None if text is None else us(f"{text}+00:00") for text in (now, last, run)]
    found = following_run(dag_of(row), moments[1], moments[0] or 0)
    due = None if found is None or found.run_after_us > (moments[0] or 0) else found.run_after_us
    if last == "2024-03-04T00:00:01":
        assert found is not None
        assert found.run_after_us == moments[2]
    else:
        assert due == moments[2]
