"""Decide which scheduled runs of a DAG are to be made now, and which queued ones start.

Without store and clock; the runs that start are changed in memory. `passes.make_runs` calls this
for the DAGs that are due, and writes what it decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.spec.model import DagRunInfo
from airflow_lite.spec.timetable import following_run
from airflow_lite.states import DagRunState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.spec.model import DagSpec

#: However far a DAG is behind, one call makes no more runs than this: others have their turn.
MOST_PER_CALL = 10


class Plan(NamedTuple):
    """Runs to make, and the one after those; None: no further run will come."""

    runs: list[DagRunInfo]
    following: DagRunInfo | None


def create_runs(
    dag: DagSpec,
    last_end_us: int | None,
    active_runs: int,
    now_us: int,
    last_start_us: int | None = None,
) -> Plan:
    """Return the runs that are due and that `max_active_runs` leaves room for, oldest first.

    `last_end_us` is the end of the newest scheduled (or backfilled) run's data interval, and
    `last_start_us` its start, None before the first; `active_runs` counts the unfinished runs. At
    most `MOST_PER_CALL`. Where the run after those is due already it waits for its turn: ask again
    at once if runs were made, else when a run of the DAG has ended.
    """
    limit = 1 if dag.schedule.kind == "continuous" else dag.max_active_runs
    room = min(limit - active_runs, MOST_PER_CALL)
    due: list[DagRunInfo] = []
    following = following_run(dag, last_end_us, now_us, last_start_us)
    while following is not None and following.run_after_us <= now_us:
        if len(due) >= room or (due and following.logical_us <= due[-1].logical_us):
            break
        due.append(following)
        following = following_run(
            dag, following.interval_end_us, now_us, following.interval_start_us
        )
    return Plan(due, following)


def start_runs(runs: Iterable[Run], dag: DagSpec, now_us: int) -> list[Run]:
    """Set as many queued runs of `dag` running as `max_active_runs` allows, oldest first.

    `runs` are all its unfinished runs here; the ones changed are returned. One that a backfill made
    is among them once somebody has cleared it.
    """
    unfinished = list(runs)
    free = dag.max_active_runs - sum(run.state == DagRunState.RUNNING for run in unfinished)
    queued = sorted(
        (run for run in unfinished if run.state == DagRunState.QUEUED),
        key=lambda run: (run.logical_us, run.id),
    )[: max(free, 0)]
    for run in queued:
        run.state = DagRunState.RUNNING
        run.start_us = now_us if run.start_us is None else run.start_us
        run.counters = None
    return queued
