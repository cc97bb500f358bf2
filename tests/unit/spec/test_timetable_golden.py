"""The runs that Airflow 2.10.5 planned are the runs that are planned here."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from airflow_lite.clock import from_us, to_us
from airflow_lite.spec.model import DagSpec
from airflow_lite.spec.timetable import following_run, manual_interval, schedule_spec
from fixtures.goldens import read_golden

GOLDEN = read_golden("cron")
DELTAS = {
    "timedelta(minutes=5)": timedelta(minutes=5),
    "timedelta(hours=1)": timedelta(hours=1),
    "timedelta(days=1)": timedelta(days=1),
    "timedelta(seconds=0.5)": timedelta(seconds=0.5),
    "datetime.timedelta(seconds=21600)": timedelta(hours=6),
    "None": None,
}
INVALID = {
    "datetime.timedelta(0)": timedelta(0),
    "datetime.timedelta(days=-1)": timedelta(days=-1),
    "5": 5,
    "1.5": 1.5,
    "['0 0 * * *', 3]": ["0 0 * * *", 3],
    "{'a': 1}": {"a": 1},
}
Row = dict[str, Any]


def us(text: str | None) -> int | None:
    return None if text is None else to_us(datetime.fromisoformat(text))


def named(row: Row) -> str:
    return " ".join(str(row[key]) for key in ("schedule", "timezone", "start", "now") if key in row)


def rows(section: str) -> list[Any]:
    return [
        pytest.param(row, id=f"{section} {named(row)} {index}")
        for index, row in enumerate(GOLDEN[section])
        if not str(row["schedule"]).startswith("relativedelta")  # refused: test_timetable
    ]


def expected(row: Row) -> list[tuple[int | None, ...]]:
    if "runs" in row:
        return [tuple(map(us, run)) for run in row["runs"]]
    return [(us(start), us(end), us(end)) for start, end in pairwise(row["moments"])]


def plan(row: Row, length: int, *, catchup: bool) -> list[tuple[int, int, int]]:
    dag = DagSpec(
        "d",
        schedule=schedule_spec(DELTAS.get(row["schedule"], row["schedule"])),
        timezone=row.get("timezone", "UTC"),
        start_date_us=us(row["start"]),
        end_date_us=us(row.get("latest")),
        catchup=catchup,
    )
    last_end_us: int | None = None
    planned = []
    for _ in range(length):
        run = following_run(dag, last_end_us, us(row.get("now")) or 0)
        if run is None:
            break
        assert run.logical_us == run.interval_start_us
        planned.append((run.interval_start_us, run.interval_end_us, run.run_after_us))
        last_end_us = run.interval_end_us
    return planned


def until_airflow_turns_back(runs: list[tuple[Any, ...]]) -> int:
    """Return how many runs precede the first that ends no later than the one before."""
    for number, (one, two) in enumerate(pairwise(runs), 1):
        if two[1] <= one[1]:
            return number
    return len(runs)


def assert_planned_as_by_airflow(row: Row, *, catchup: bool) -> None:
    if row.get("error") == "AssertionError":  # Airflow's scheduler fails within this hour
        planned = plan(row, 3, catchup=catchup)
        assert all(one[1] == two[0] for one, two in pairwise(planned))
        return
    wanted = expected(row)
    if row["schedule"] == "@continuous":
        sound = len(wanted)
    else:
        sound = until_airflow_turns_back(wanted)
    planned = plan(row, len(wanted) + 1, catchup=catchup)
    assert planned[:sound] == wanted[:sound]
    if row["schedule"] != "@continuous":
        assert all(one[1] < two[1] for one, two in pairwise(planned)), "a run must end later"
    assert ("then" in row) == (len(planned) == len(wanted))


@pytest.mark.parametrize("row", rows("catchup"))
def test_runs_since_the_start_date(row: Row) -> None:
    assert_planned_as_by_airflow(row, catchup=True)


@pytest.mark.parametrize("row", rows("no_catchup"))
def test_without_catchup_the_first_run_is_the_latest_complete_interval(row: Row) -> None:
    assert_planned_as_by_airflow(row, catchup=False)


@pytest.mark.parametrize("row", rows("latest"))
def test_no_run_begins_after_the_end_date(row: Row) -> None:
    assert_planned_as_by_airflow(row, catchup=True)


@pytest.mark.parametrize("row", rows("other"))
def test_schedules_other_than_cron(row: Row) -> None:
    assert_planned_as_by_airflow(row, catchup=row["catchup"])


@pytest.mark.parametrize("row", rows("manual"))
def test_a_manual_run_covers_the_last_complete_interval(row: Row) -> None:
    schedule = schedule_spec(DELTAS.get(row["schedule"], row["schedule"]))
    run_after = us(row["run_after"])
    assert run_after is not None
    dag = DagSpec("d", schedule=schedule, timezone=row["timezone"])
    found = manual_interval(dag, run_after)
    assert [from_us(moment) for moment in found] == [
        datetime.fromisoformat(text) for text in row["interval"]
    ]


@pytest.mark.parametrize("row", rows("syntax"))
def test_syntax_means_what_it_means_to_airflow(row: Row) -> None:
    if "error" in row:
        with pytest.raises(ValueError, match="^cron expression '"):
            schedule_spec(row["schedule"])
    else:
        assert_planned_as_by_airflow(row, catchup=True)


@pytest.mark.parametrize("row", rows("invalid"))
def test_what_airflow_refuses_is_refused(row: Row) -> None:
    # Airflow takes 31 February, too, and fails when it plans the first run.
    with pytest.raises(ValueError, match="^(cron expression|schedule) "):
        schedule_spec(INVALID.get(row["schedule"], row["schedule"]))
