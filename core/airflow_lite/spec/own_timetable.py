"""Timetables of authors: the store holds their names and arguments, their code stands elsewhere.

Whoever can import that code says how to find it by `resolve_with`. This module imports none.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.spec.model import DagRunInfo, DagSpec, ScheduleSpec

#: The kind of a schedule that is a timetable of an author.
KIND = "own"


class OwnTimetable(Protocol):
    """An author's timetable, over integer microseconds; what it raises is let out."""

    def following_run(self, dag: DagSpec, last_us: tuple[int, int] | None) -> DagRunInfo | None:
        """Return the run after that of a data interval; None if there is none."""

    def manual_interval(self, run_after_us: int) -> tuple[int, int]:
        """Return the data interval of a run that is triggered at a moment."""


def remember(schedule: ScheduleSpec, timetable: OwnTimetable) -> None:
    """Let this process find a timetable that was made in it."""
    _known()[_key(schedule)] = timetable


def resolve_with(resolver: Callable[[str, object], OwnTimetable]) -> None:
    """Let this process find the others by their name and what their `serialize` returned."""
    _resolvers()[:] = [resolver]


def timetable_of(schedule: ScheduleSpec) -> OwnTimetable:
    """Return the timetable that a schedule names; raise `LookupError` if none can be found."""
    known = _known().get(_key(schedule))
    if known is not None:
        return known
    for resolver in _resolvers():
        return resolver(schedule.timetable, schedule.arguments)
    raise LookupError(f"timetable {schedule.timetable!r} cannot be found from here")


def _key(schedule: ScheduleSpec) -> tuple[str, str]:
    return schedule.timetable, json.dumps(schedule.arguments, sort_keys=True)


@cache
def _known() -> dict[tuple[str, str], OwnTimetable]:
    """Return the timetables that were made in this process."""
    return {}


@cache
def _resolvers() -> list[Callable[[str, object], OwnTimetable]]:
    """Return what finds the others in this process: one, or none."""
    return []
