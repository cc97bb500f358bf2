"""Which scheduled runs are made, and when the next one is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airflow_lite.clock import to_us
from airflow_lite.dag.spec import DagSpec, ScheduleSpec
from airflow_lite.scheduler.create_runs import MOST_PER_CALL, create_runs
from airflow_lite.scheduler.model import Schedule

HOURLY = ScheduleSpec("cron", "0 * * * *")


def at(day: int, hour: int = 0, minute: int = 0) -> int:
    return to_us(datetime(2024, 1, day, hour, minute, tzinfo=UTC))


def schedule(active=0, last=None, **fields) -> Schedule:
    fields = {"schedule": HOURLY, "start_date_us": at(1), **fields}
    found = Schedule(DagSpec("d", **fields), active_runs=active)
    if last is None:
        return found
    start, end = last
    return replace(
        found, last_logical_us=start, last_interval_start_us=start, last_interval_end_us=end
    )


def test_a_run_is_made_when_its_interval_has_ended() -> None:
    early = create_runs(schedule(), at(1, 0, 59))
    assert early.runs == []
    assert (early.next_logical_us, early.next_create_after_us) == (at(1), at(1, 1))
    due = create_runs(schedule(), at(1, 1))
    assert [run.run_id for run in due.runs] == ["scheduled__2024-01-01T00:00:00+00:00"]
    assert (due.runs[0].interval_start_us, due.runs[0].interval_end_us) == (at(1), at(1, 1))
    assert (due.next_interval_start_us, due.next_interval_end_us) == (at(1, 1), at(1, 2))
    assert due.next_create_after_us == at(1, 2)


def test_catchup_makes_every_missed_run_in_order() -> None:
    found = create_runs(schedule(last=(at(1), at(1, 1))), at(1, 4, 30))
    assert [run.logical_us for run in found.runs] == [at(1, 1), at(1, 2), at(1, 3)]


def test_without_catchup_only_the_latest_is_made() -> None:
    found = create_runs(schedule(catchup=False), at(9, 4, 30))
    assert [run.logical_us for run in found.runs] == [at(9, 3)]
    assert found.next_create_after_us == at(9, 5)


def test_no_more_runs_are_active_than_max_active_runs() -> None:
    found = create_runs(schedule(active=1, max_active_runs=3), at(2))
    assert [run.logical_us for run in found.runs] == [at(1), at(1, 1)]
    full = create_runs(schedule(active=3, max_active_runs=3), at(2))
    assert (full.runs, full.next_create_after_us) == ([], at(1, 1))
    assert create_runs(schedule(active=9, max_active_runs=3), at(2)).runs == []


def test_a_dag_years_behind_makes_a_bounded_number_at_once() -> None:
    far = to_us(datetime(2030, 1, 1, tzinfo=UTC))
    found = create_runs(schedule(max_active_runs=10**6), far)
    assert len(found.runs) == MOST_PER_CALL
    assert found.next_logical_us == at(1, MOST_PER_CALL)


def test_no_run_is_made_past_the_end_date() -> None:
    found = create_runs(schedule(end_date_us=at(1, 1)), at(2))
    assert [run.logical_us for run in found.runs] == [at(1), at(1, 1)]
    assert found.next_create_after_us is None


@pytest.mark.parametrize(
    ("fields", "runs"),
    [
        ({"schedule": ScheduleSpec()}, 0),
        ({"schedule": ScheduleSpec("once")}, 1),
        ({"schedule": ScheduleSpec("continuous"), "max_active_runs": 16}, 1),
        ({"schedule": ScheduleSpec("delta", delta_s=6 * 3600.0)}, 4),
        ({"start_date_us": None}, 0),
    ],
)
def test_each_kind_of_schedule_makes_its_runs(fields, runs) -> None:
    assert len(create_runs(schedule(**fields), at(2)).runs) == runs


def test_calling_again_with_the_last_run_goes_on_where_it_was() -> None:
    last, seen = None, []
    for _ in range(4):
        found = create_runs(schedule(last=last, max_active_runs=2), at(1, 7))
        seen += [run.logical_us for run in found.runs]
        if found.runs:
            last = found.runs[-1].interval_start_us, found.runs[-1].interval_end_us
    assert seen == [at(1, hour) for hour in range(7)]
