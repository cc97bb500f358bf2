"""Decide which scheduled runs of a DAG are to be made now. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.spec.timetable import DagRunInfo, following_run

if TYPE_CHECKING:
    from airflow_lite.spec.model import DagSpec

#: However far a DAG is behind, one call makes no more runs than this: others have their turn.
MOST_PER_CALL = 10


class Plan(NamedTuple):
    """Runs to make, and the one after those; None: no further run will come."""

    runs: list[DagRunInfo]
    following: DagRunInfo | None


def create_runs(dag: DagSpec, last_end_us: int | None, active_runs: int, now_us: int) -> Plan:
    """Return the runs that are due and that `max_active_runs` leaves room for, oldest first.

    `last_end_us` is the end of the newest scheduled (or backfilled) run's data interval, None
    before the first; `active_runs` counts the unfinished runs. At most `MOST_PER_CALL`. Where the
    run after those is due already it waits for its turn: ask again at once if runs were made, else
    when a run of the DAG has ended.
    """
    limit = 1 if dag.schedule.kind == "continuous" else dag.max_active_runs
    room = min(limit - active_runs, MOST_PER_CALL)
    made: list[DagRunInfo] = []
    following = following_run(dag, last_end_us, now_us)
    while following is not None and following.run_after_us <= now_us:
        if len(made) >= room or (made and following.logical_us <= made[-1].logical_us):
            break
        made.append(following)
        following = following_run(dag, following.interval_end_us, now_us)
    return Plan(made, following)
