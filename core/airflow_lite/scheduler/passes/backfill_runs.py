"""The runs of a backfill are made a few at a time, or taken up where there are some already.

What is left to do in a run is asked of its rows, so that a backfill which is started again goes on
where the one before it was when it ended, whichever way that was.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import seconds_us
from airflow_lite.errors import DagRunAlreadyExists
from airflow_lite.scheduler.passes.refresh import load_runs
from airflow_lite.scheduler.state.backfill import FailedTask
from airflow_lite.states import (
    FAILED_STATES,
    FINISHED,
    DagRunState,
    DagRunType,
    TaskInstanceState,
)
from airflow_lite.store import backfills, edits, runs, scheduling

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import sqlalchemy as sa

    from airflow_lite.scheduler.state.backfill import Backfill
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.spec.model import DagRunInfo
    from airflow_lite.store.runs import Row

#: Most runs that one transaction looks at: their instances are read, too.
MOST_AT_ONCE = 50


class Work(NamedTuple):
    """What there is to do in runs that there are: row ids of runs, and what is cleared first."""

    open: list[int]
    done: list[int]
    cleared: list[edits.Clearable]


def go_on(context: SchedulerContext, backfill: Backfill) -> None:
    """Note what is over, and begin runs as far as there is room for them."""
    _note_ended(context, backfill)
    room = _room(context, backfill)
    while backfill.waiting and room > 0:
        # As in Airflow, what is begun together is not held up by what of it failed before.
        some = list(islice(backfill.waiting, min(room, MOST_AT_ONCE)))
        try:
            begun, done = _begin(context, backfill, some)
        except DagRunAlreadyExists as error:  # a scheduler was faster, or somebody has that id
            if backfill.has_met(str(error)):
                backfill.refuse(str(error))
            context.memory.plan_dag(backfill.dag_id)
            return
        for _ in some if backfill.waiting else ():
            backfill.waiting.popleft()
        backfill.begun |= begun
        room -= len(begun)
        load_runs(context, begun)
        backfill.untold += len(done)
        _note(context, backfill, done)
    _look_later(context, backfill)


def refusal(dag_id: str, run: Any) -> str:
    """Return why a backfill cannot take a run, and what to do."""
    runner = "a scheduler" if run.job_id is None else "another backfill"
    return (
        f"Run {run.run_id!r} of DAG {dag_id!r} is run by {runner} now."
        f" Wait for its end, stop it with `airflow-lite dags runs stop {dag_id} {run.run_id}`,"
        " or choose other dates."
    )


def _room(context: SchedulerContext, backfill: Backfill) -> int:
    """Return how many runs more may be under way."""
    most = backfill.options.max_active_runs
    if not backfill.waiting:
        return 0
    if most is not None:
        return most - len(backfill.begun)
    with context.store.read() as connection:
        others = backfills.count_others(connection, backfill.dag_id, context.job_id)
    return backfill.spec.max_active_runs - len(backfill.begun) - others


def _look_later(context: SchedulerContext, backfill: Backfill) -> None:
    """Look again soon where runs of others take all the room: no end of theirs is told here."""
    dag = context.memory.find_dag(backfill.dag_id)
    if dag is not None:
        waits = bool(backfill.waiting) and not backfill.begun
        poll_us = seconds_us(context.settings.fallback_poll_s)
        dag.next_create_after_us = context.clock.now_us() + poll_us if waits else None


def _begin(
    context: SchedulerContext, backfill: Backfill, some: Sequence[DagRunInfo]
) -> tuple[set[int], list[int]]:
    """Make or take up these runs in one transaction; return row ids: under way now, and over."""
    now_us = context.clock.now_us()
    with context.store.begin() as connection:
        known = backfills.runs_at(connection, backfill.dag_id, [run.logical_us for run in some])
        busy = next((run for run in known.values() if not run.is_free), None)
        if busy is not None:
            backfill.refuse(refusal(backfill.dag_id, busy))
            return set(), []
        made = {
            _create(context, backfill, connection, run, now_us)
            for run in some
            if run.logical_us not in known
        }
        work = work_of(connection, backfill, known.values())
        edits.clear(connection, work.cleared, now_us=now_us)
        begun = made | backfills.take(
            connection,
            work.open,
            job_id=context.job_id,
            conf=backfill.options.conf,
            now_us=now_us,
        )
        backfills.note_covered(connection, work.done)
        _adjust(connection, backfill, begun, now_us)
    return begun, work.done


def _create(
    context: SchedulerContext,
    backfill: Backfill,
    connection: sa.Connection,
    run: DagRunInfo,
    now_us: int,
) -> int:
    return runs.create_run(
        connection,
        backfill.spec,
        backfill.version_id,
        run_id=backfills.run_id_of(run.logical_us),
        run_type=DagRunType.BACKFILL_JOB,
        logical_us=run.logical_us,
        interval=(run.interval_start_us, run.interval_end_us),
        conf=backfill.options.conf,
        now_us=now_us,
        state=DagRunState.RUNNING,
        job_id=context.job_id,
    )


def work_of(connection: sa.Connection, backfill: Backfill, known: Collection[Row]) -> Work:
    """Return what there is to do in runs that there are; reads the store once.

    One that runs though nothing is left in it is that of a backfill which died just then.
    """
    by_run = _instances(connection, backfill, [run.id for run in known])
    cleared = [
        # As in Airflow it gets the tries that it has left, and one where it has none.
        edits.Clearable(row.id, row.dag_run_id, row.state, max(row.max_tries - row.try_number, 0))
        for rows in by_run.values()
        for row in rows
        if backfill.options.rerun_failed_tasks and row.state in FAILED_STATES
    ]
    is_open = {
        run.id: run.state == DagRunState.RUNNING or bool(_left(backfill, by_run[run.id]))
        for run in known
    }
    return Work(
        [run_id for run_id in is_open if is_open[run_id]],
        [run_id for run_id in is_open if not is_open[run_id]],
        cleared,
    )


def tasks_left(
    connection: sa.Connection, backfill: Backfill, run_row_ids: Sequence[int]
) -> dict[int, int]:
    """Return row id of a run -> how many task instances are left to be run in it."""
    by_run = _instances(connection, backfill, run_row_ids)
    return {run_id: _left(backfill, rows) for run_id, rows in by_run.items()}


def _instances(
    connection: sa.Connection, backfill: Backfill, run_row_ids: Sequence[int]
) -> dict[int, list[Any]]:
    by_run: dict[int, list[Any]] = {run_id: [] for run_id in run_row_ids}
    for row in scheduling.instance_rows(connection, run_row_ids):
        if row.task_id in backfill.spec.tasks:
            by_run[row.dag_run_id].append(row)
    return by_run


def _left(backfill: Backfill, rows: Sequence[Any]) -> int:
    """Count what is left of a run, those tasks among it that it has no instance of yet."""
    again = FAILED_STATES if backfill.options.rerun_failed_tasks else frozenset()
    missing = backfill.spec.tasks.keys() - {row.task_id for row in rows}
    return len(missing) + sum(row.state not in FINISHED or row.state in again for row in rows)


def _adjust(connection: sa.Connection, backfill: Backfill, begun: set[int], now_us: int) -> None:
    """Do to the instances of runs that are begun what was asked for."""
    if backfill.options.disable_retry:
        backfills.end_retries(connection, begun)
    if backfill.options.mark_success:
        waiting = [
            row.id
            for row in scheduling.instance_rows(connection, begun)
            if row.task_id in backfill.spec.tasks and row.state not in FINISHED
        ]
        edits.mark(connection, waiting, TaskInstanceState.SUCCESS, now_us=now_us)


def _note_ended(context: SchedulerContext, backfill: Backfill) -> None:
    """Note the runs that memory has no more: over, deleted, or set aside since they make no sense.

    One that is to be loaded again may come back.
    """
    memory = context.memory
    if memory.is_stale:
        memory.plan_dag(backfill.dag_id)
        return
    over = [run_id for run_id in sorted(backfill.begun) if memory.find_run(run_id) is None]
    _note(context, backfill, over)
    backfill.begun.difference_update(over)


def _note(context: SchedulerContext, backfill: Backfill, run_row_ids: Sequence[int]) -> None:
    if not run_row_ids:
        return
    with context.store.read() as connection:
        states = backfills.states_of(connection, run_row_ids)
        failed = backfills.failed_tasks(connection, run_row_ids)
    of_tasks = [row for row in failed if row.task_id in backfill.spec.tasks]
    backfill.note_ended(
        [states.get(run_id, "deleted") for run_id in run_row_ids],
        [FailedTask(*row) for row in of_tasks],
    )
