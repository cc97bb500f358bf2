"""Decide which scheduled runs of a DAG are to be made now. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.clock import iso
from airflow_lite.dag.timetable import RunInfo, following_run
from airflow_lite.scheduler.model import NewRun, Next
from airflow_lite.states import DagRunType

if TYPE_CHECKING:
    from airflow_lite.dag.spec import DagSpec
    from airflow_lite.scheduler.model import Schedule

#: However far a DAG is behind, one call makes no more runs than this: others have their turn.
MOST_PER_CALL = 10


def create_runs(schedule: Schedule, now_us: int) -> Next:
    """Return the runs that are due and that `max_active_runs` leaves room for, oldest first.

    At most `MOST_PER_CALL`. The run after those is told with them. Where it is due already it
    waits for its turn: ask again at once if runs were made, else when a run of the DAG has ended.
    """
    dag = schedule.dag
    made: list[RunInfo] = []
    following = following_run(dag, _last_end_us(schedule), now_us)
    while following is not None and following.run_after_us <= now_us:
        if len(made) >= _room(schedule) or (made and following.logical_us <= made[-1].logical_us):
            break
        made.append(following)
        following = following_run(dag, following.interval_end_us, now_us)
    return _answer(dag, made, following)


def _room(schedule: Schedule) -> int:
    if schedule.dag.schedule.kind == "continuous":
        return 1 - schedule.active_runs
    return min(schedule.dag.max_active_runs - schedule.active_runs, MOST_PER_CALL)


def _last_end_us(schedule: Schedule) -> int | None:
    if schedule.last_interval_start_us is None or schedule.last_interval_end_us is None:
        return schedule.last_logical_us
    return schedule.last_interval_end_us


def _answer(dag: DagSpec, made: list[RunInfo], following: RunInfo | None) -> Next:
    runs = [_new_run(dag, info) for info in made]
    if following is None:
        return Next(runs)
    return Next(
        runs,
        following.logical_us,
        following.interval_start_us,
        following.interval_end_us,
        following.run_after_us,
    )


def _new_run(dag: DagSpec, info: RunInfo) -> NewRun:
    return NewRun(
        dag.dag_id,
        f"{DagRunType.SCHEDULED}__{iso(info.logical_us)}",
        info.logical_us,
        info.interval_start_us,
        info.interval_end_us,
    )
