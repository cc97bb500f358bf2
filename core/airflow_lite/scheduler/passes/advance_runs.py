"""The due runs are advanced, and what was decided of them is written in one transaction.

The deciding itself, for one run and without a store, is `planner.advance`.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.scheduler.passes.previous_run import facts_of
from airflow_lite.scheduler.passes.refresh import skip_run, write_each
from airflow_lite.scheduler.planner.advance import advance
from airflow_lite.scheduler.state import run_log
from airflow_lite.scheduler.state.conflict import StaleRows, edited_runs, expect_rows
from airflow_lite.states import RUN_FINISHED, TaskInstanceState
from airflow_lite.store import callbacks, runs, scheduling
from airflow_lite.store.faults import is_of_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from airflow_lite.scheduler.planner.model import Decision, Run
    from airflow_lite.scheduler.state.context import SchedulerContext

logger = logging.getLogger(__name__)


class DecidedRun(NamedTuple):
    """A run with what was decided of it."""

    run: Run
    decision: Decision


def advance_due(context: SchedulerContext) -> None:
    """Advance every run that is due, and write what was decided in one transaction."""
    due = context.memory.take_due_runs(context.clock.now_us())
    all_decided = [decided for run in due if (decided := _advance(context, run)) is not None]
    if all_decided:
        write_each(
            context, all_decided, partial(_commit, context), run_of=lambda decided: decided.run
        )


def _commit(context: SchedulerContext, all_decided: Sequence[DecidedRun]) -> None:
    """Write what was decided, and do what follows from it."""
    try:
        written, request_ids = _write(context, all_decided)
    except BaseException as error:
        if is_of_rows(error):
            raise
        # Memory is ahead of the store now.
        context.memory.doubt(decided.run.id for decided in all_decided)
        if isinstance(error, StaleRows):
            logger.info("%s; loading them again", error)
            return
        raise
    context.callbacks.add(request_ids)
    for decided in written:
        _follow_up(context, decided)


def _advance(context: SchedulerContext, run: Run) -> DecidedRun | None:
    dag = context.memory.find_dag(run.dag_id)
    if dag is None:
        return None
    events, run.events = run.events, []
    try:
        facts = facts_of(context, run, dag.spec)
        return DecidedRun(run, advance(run, dag.spec, events, facts, context.clock.now_us()))
    except Exception as error:
        skip_run(context, run, error)
        return None


def _write(
    context: SchedulerContext, all_decided: Sequence[DecidedRun]
) -> tuple[Sequence[DecidedRun], list[int]]:
    """Write all decisions but those of runs that someone else edited; those are loaded again.

    Returns what was written, and the callback requests that were made.
    """
    if not any(_has_writes(decided.decision) for decided in all_decided):
        return all_decided, []
    with context.store.begin() as connection:
        edited = edited_runs(connection, [decided.run for decided in all_decided])
        fresh = [decided for decided in all_decided if decided.run.id not in edited]
        request_ids = _write_fresh(context, connection, fresh)
    context.memory.doubt(edited)
    return fresh, request_ids


def _has_writes(decision: Decision) -> bool:
    return bool(decision.changes or decision.run_state or decision.callbacks)


def _write_fresh(
    context: SchedulerContext, connection: sa.Connection, fresh: Sequence[DecidedRun]
) -> list[int]:
    now_us = context.clock.now_us()
    common = {"actor": context.actor, "now_us": now_us}
    changes = (change for decided in fresh for change in decided.decision.changes)
    rows = [{**change._asdict(), **common} for change in changes]
    touched = {decided.run.id for decided in fresh}
    expect_rows(scheduling.write_changes(connection, rows), len(rows), touched)
    for run, decision in fresh:
        state = decision.run_state
        if state is not None and not runs.end_run(connection, run.id, state=state, now_us=now_us):
            raise StaleRows(touched)
    return [
        callbacks.ask(connection, run.id, due.kind, due.reason, now_us=now_us)
        for run, decision in fresh
        for due in decision.callbacks
    ]


def _follow_up(context: SchedulerContext, decided: DecidedRun) -> None:
    """Do in memory and at the executor what was written."""
    run, decision = decided
    for instance in decision.withdrawn:
        run.ready.discard(instance.key)
    if decision.ready:
        run.ready.add(decision.ready, context.memory.dag(run.dag_id).spec.limited_tasks)
    _tell_failed(context, decided)
    for instance in decision.kill:
        active = context.memory.find_attempt(instance.attempt or "")
        if active is not None:
            context.revoke(active)
    if decision.wake_at_us is not None:
        context.memory.wake_run(run.id, decision.wake_at_us)
    _wake_later_runs(context, decided)
    if run.state in RUN_FINISHED:
        context.memory.end_run(run)
        run_log.run_ended(context, run, run.state, decision.run_reason)


def _tell_failed(context: SchedulerContext, decided: DecidedRun) -> None:
    """Tell of tries that were decided to have failed, as by fail_stop: no host will."""
    causes = {
        change.row: change.cause
        for change in decided.decision.changes
        if change.to_state == TaskInstanceState.FAILED
    }
    for instance in decided.run.instances.values() if causes else ():
        if instance.id in causes:
            run_log.try_ended(context, decided.run, instance, causes[instance.id])


def _wake_later_runs(context: SchedulerContext, decided: DecidedRun) -> None:
    """Let runs whose tasks ask for the past look again when their past has changed."""
    run, decision = decided
    if not context.memory.dag(run.dag_id).spec.tasks_asking_past:
        return
    if run.has_changed or decision.changes or decision.run_state:
        context.memory.advance_later_runs(run)
    run.has_changed = False
