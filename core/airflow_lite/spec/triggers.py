"""Timetables that make runs at moments: those of cron expressions, or single events.

A run is due at its moment and its data interval ends there; it begins so much earlier as the
timetable looks back. `timetable` answers for all other schedules.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple, Protocol

from airflow_lite.clock import iso, seconds_us
from airflow_lite.spec import cron as cron_text
from airflow_lite.spec.model import DagRunInfo, DagSpec
from airflow_lite.spec.pace import CronPace, zone

KINDS = frozenset({"cron_trigger", "events"})


def following_run(dag: DagSpec, last_us: int | None, now_us: int) -> DagRunInfo | None:
    """Return the run after the one of the moment `last_us`; None if there is none.

    The DAG's start and end date bound its moments. Without catchup it is the last one that has
    passed, unless that had its run.
    """
    moments = _moments(dag)
    try:
        moment = _next_moment(moments, dag, last_us, now_us)
    except OverflowError:  # past the year 9999
        return None
    if moment is None or (dag.end_date_us is not None and moment > dag.end_date_us):
        return None
    start = moment - _looks_back_us(dag)
    return DagRunInfo(start, start, moment, moment)


def _next_moment(moments: _Moments, dag: DagSpec, last_us: int | None, now_us: int) -> int | None:
    start_us = dag.start_date_us
    if dag.catchup and last_us is None and start_us is None:
        return None
    bounds = []
    if last_us is not None:
        bounds.append(moments.after(last_us))
    if start_us is not None and (last_us is None or not dag.catchup):
        bounds.append(moments.at_or_after(start_us))
    if None in bounds:
        return None
    if not dag.catchup:
        bounds.append(moments.at_or_before(now_us))
    known = [moment for moment in bounds if moment is not None]
    return max(known) if known else moments.after(now_us)


def count_due(dag: DagSpec, last_us: int | None, now_us: int, most: int) -> int:
    """Return how many runs are due, whatever room there is for them: at most `most`."""
    count = 0
    run = following_run(dag, last_us, now_us)
    while run is not None and run.run_after_us <= now_us and count < most:
        count += 1
        run = following_run(dag, run.run_after_us, now_us)
    return count


def manual_interval(dag: DagSpec, run_after_us: int) -> tuple[int, int]:
    """Return the data interval of a run that is triggered at a moment."""
    end = run_after_us
    if dag.schedule.are_all_moments:
        moments = _moments(dag)
        last = moments.at_or_before(end)
        end = (moments.at_or_after(end) if last is None else last) or end
    return end - _looks_back_us(dag), end


def scheduled_interval(dag: DagSpec, logical_us: int) -> tuple[int, int]:
    """Return the data interval of the scheduled run of a date; raise `ValueError` if none."""
    end = logical_us + _looks_back_us(dag)
    moments = _moments(dag)
    before, after = moments.at_or_before(end), moments.after(end)
    if before != end:
        near = [
            iso(moment - _looks_back_us(dag)) for moment in (before, after) if moment is not None
        ]
        raise ValueError(
            f"{iso(logical_us)} is no date of the schedule {dag.schedule.summary!r}."
            f" The nearest: {', '.join(map(str, near))}"
        )
    return logical_us, end


def logical_date_after(dag: DagSpec, end_us: int) -> int | None:
    """Return the logical date of the run after the one whose data interval ends at `end_us`."""
    moment = _moments(dag).after(end_us)
    return None if moment is None else moment - _looks_back_us(dag)


def _looks_back_us(dag: DagSpec) -> int:
    return seconds_us(dag.schedule.delta_s)


class _Moments(Protocol):
    """Moments in order; None where there is no such one."""

    def after(self, moment: int) -> int | None: ...

    def at_or_after(self, moment: int) -> int | None: ...

    def at_or_before(self, moment: int) -> int | None: ...


def _moments(dag: DagSpec) -> _Moments:
    schedule = dag.schedule
    if schedule.kind == "events":
        return _Events(schedule.moments_us)
    local = zone(schedule.timezone or dag.timezone)
    lines = schedule.expression.splitlines()
    return _Crons(tuple(CronPace(cron_text.parse(line), local) for line in lines))


class _Crons(NamedTuple):
    """All moments of several cron expressions."""

    paces: tuple[CronPace, ...]

    def after(self, moment: int) -> int | None:
        return min(pace.after(moment) for pace in self.paces)

    def at_or_after(self, moment: int) -> int | None:
        return min(pace.align(moment) for pace in self.paces)

    def at_or_before(self, moment: int) -> int | None:
        return max(pace.align_back(moment) for pace in self.paces)


class _Events(NamedTuple):
    """Moments that are given one by one, in order."""

    moments: tuple[int, ...]

    def after(self, moment: int) -> int | None:
        return self._at(bisect_right(self.moments, moment))

    def at_or_after(self, moment: int) -> int | None:
        return self._at(bisect_left(self.moments, moment))

    def at_or_before(self, moment: int) -> int | None:
        return self._at(bisect_right(self.moments, moment) - 1)

    def _at(self, index: int) -> int | None:
        return self.moments[index] if 0 <= index < len(self.moments) else None
