"""Which scheduled runs are made and started, and when the next one is due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_lite.clock import to_us
from airflow_lite.scheduler.planner.create_runs import (
    MOST_PER_CALL,
    Plan,
    create_runs,
    start_runs,
)
from airflow_lite.scheduler.planner.model import Run
from airflow_lite.spec.model import DagSpec, ScheduleSpec
from airflow_lite.states import DagRunState

HOURLY = ScheduleSpec("cron", "0 * * * *")


def at(day: int, hour: int = 0, minute: int = 0) -> int:
    return to_us(datetime(2024, 1, day, hour, minute, tzinfo=UTC))


def plan(now_us, active=0, last_end_us=None, **fields) -> Plan:
    spec = DagSpec("d", **{"schedule": HOURLY, "start_date_us": at(1), **fields})
    return create_runs(spec, last_end_us, active, now_us)


def test_a_run_is_made_when_its_interval_has_ended() -> None:
    early = plan(at(1, 0, 59))
    following = early.following
    assert early == ([], (at(1), at(1), at(1, 1), at(1, 1)))
    due = plan(at(1, 1))
    assert due == ([following], (at(1, 1), at(1, 1), at(1, 2), at(1, 2)))


def test_catchup_makes_every_missed_run_in_order() -> None:
    found = plan(at(1, 4, 30), last_end_us=at(1, 1))
    assert [run.logical_us for run in found.runs] == [at(1, 1), at(1, 2), at(1, 3)]


def test_without_catchup_only_the_latest_is_made() -> None:
    found = plan(at(9, 4, 30), catchup=False)
    assert [run.logical_us for run in found.runs] == [at(9, 3)]
    assert found.following
    assert found.following.run_after_us == at(9, 5)


def test_no_more_runs_are_active_than_max_active_runs() -> None:
    found = plan(at(2), active=1, max_active_runs=3)
    assert [run.logical_us for run in found.runs] == [at(1), at(1, 1)]
    full = plan(at(2), active=3, max_active_runs=3)
    assert full.following
    assert (full.runs, full.following.run_after_us) == ([], at(1, 1))
    assert plan(at(2), active=9, max_active_runs=3).runs == []


def test_a_dag_years_behind_makes_a_bounded_number_at_once() -> None:
    far = to_us(datetime(2030, 1, 1, tzinfo=UTC))
    found = plan(far, max_active_runs=10**6)
    assert len(found.runs) == MOST_PER_CALL
    assert found.following
    assert found.following.logical_us == at(1, MOST_PER_CALL)


def test_no_run_is_made_past_the_end_date() -> None:
    found = plan(at(2), end_date_us=at(1, 1))
    assert [run.logical_us for run in found.runs] == [at(1), at(1, 1)]
    assert found.following is None


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
    assert len(plan(at(2), **fields).runs) == runs


def test_calling_again_with_the_last_run_goes_on_where_it_was() -> None:
    last_us, seen = None, []
    for _ in range(4):
        found = plan(at(1, 7), last_end_us=last_us, max_active_runs=2)
        seen += [run.logical_us for run in found.runs]
        if found.runs:
            last_us = found.runs[-1].interval_end_us
    assert seen == [at(1, hour) for hour in range(7)]


def test_queued_runs_start_oldest_first_within_max_active_runs() -> None:
    runs = [
        make_run(1, "running", 0),
        make_run(2, "queued", 9),
        make_run(3, "queued", 4),
        make_run(4, "queued", 6),
    ]
    started = start_runs(runs, DagSpec("d", max_active_runs=3), 77)
    assert [run.id for run in started] == [3, 4]
    assert [run.start_us for run in started] == [77, 77]
    assert start_runs(runs, DagSpec("d", max_active_runs=3), 78) == []


def test_a_run_of_a_backfill_that_somebody_has_cleared_starts_as_any_other() -> None:
    runs = [make_run(1, "queued", 0, "backfill"), make_run(2, "queued", 9)]
    started = start_runs(runs, DagSpec("d", max_active_runs=1), 77)
    assert [run.id for run in started] == [1]


def make_run(number, state, logical_us, run_type="scheduled") -> Run:
    return Run(number, "d", str(number), run_type, DagRunState(state), logical_us)
