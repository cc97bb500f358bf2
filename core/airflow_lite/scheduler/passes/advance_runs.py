"""What follows from what was seen: runs are advanced, and what was decided is written at once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.scheduler.passes.previous_run import facts_of
from airflow_lite.scheduler.passes.refresh import set_aside
from airflow_lite.scheduler.planner.advance import advance
from airflow_lite.scheduler.state.conflict import StaleRows, expect_rows
from airflow_lite.states import RUN_FINISHED
from airflow_lite.store import callbacks, runs, scheduling

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from airflow_lite.scheduler.planner.model import Decision, Run
    from airflow_lite.scheduler.state.context import SchedulerContext

logger = logging.getLogger(__name__)


class Decided(NamedTuple):
    """A run with what was decided of it."""

    run: Run
    decision: Decision


def advance_due(context: SchedulerContext) -> None:
    """Advance every run that is due, and write what was decided in one transaction."""
    decided = [
        found
        for run in context.memory.take_due_runs(context.clock.now_us())
        if (found := _advance(context, run)) is not None
    ]
    if not decided:
        return
    try:
        written, asked = _write(context, decided)
    except BaseException as error:
        # Memory is ahead of the store now.
        context.memory.doubt(found.run.id for found in decided)
        if isinstance(error, StaleRows):
            logger.info("%s; loading them again", error)
            return
        raise
    context.callbacks.add(asked)
    for found in written:
        _follow_up(context, found)


def _advance(context: SchedulerContext, run: Run) -> Decided | None:
    dag = context.memory.find_dag(run.dag_id)
    if dag is None:
        return None
    events, run.seen = run.seen, []
    try:
        facts = facts_of(context, run, dag.spec)
        return Decided(run, advance(run, dag.spec, events, facts, context.clock.now_us()))
    except Exception as error:
        set_aside(context, run, error)
        return None


def _write(context: SchedulerContext, decided: list[Decided]) -> tuple[list[Decided], list[int]]:
    """Write all decisions but those of runs that someone else edited; those are loaded again."""
    if not any(_has_writes(found.decision) for found in decided):
        return decided, []
    with context.store.begin() as connection:
        versions = runs.row_versions(connection, [found.run.id for found in decided])
        fresh = [found for found in decided if _is_fresh(found, versions)]
        asked = _write_fresh(context, connection, fresh)
    context.memory.doubt({found.run.id for found in decided} - {found.run.id for found in fresh})
    return fresh, asked


def _has_writes(decision: Decision) -> bool:
    return bool(decision.changes or decision.run_state or decision.callbacks)


def _is_fresh(found: Decided, versions: dict[int, int]) -> bool:
    return versions.get(found.run.id) == found.run.row_version


def _write_fresh(
    context: SchedulerContext, connection: sa.Connection, fresh: Sequence[Decided]
) -> list[int]:
    now_us = context.clock.now_us()
    given = {"actor": context.actor, "now_us": now_us}
    rows = [{**change._asdict(), **given} for found in fresh for change in found.decision.changes]
    touched = {found.run.id for found in fresh}
    expect_rows(scheduling.write_changes(connection, rows), len(rows), touched)
    for found in fresh:
        state = found.decision.run_state
        if state is not None and not runs.end_run(
            connection, found.run.id, state=state, now_us=now_us
        ):
            raise StaleRows(touched)
    return [
        callbacks.ask(connection, found.run.id, due.kind, due.reason, now_us=now_us)
        for found in fresh
        for due in found.decision.callbacks
    ]


def _follow_up(context: SchedulerContext, found: Decided) -> None:
    """Do in memory and at the executor what was written."""
    run, decision = found
    for instance in decision.withdrawn:
        run.ready.discard(instance.key)
    if decision.ready:
        run.ready.add(decision.ready, context.memory.dag(run.dag_id).spec.limited_tasks)
    for instance in decision.kill:
        active = context.memory.find_attempt(instance.attempt or "")
        if active is not None:
            context.revoke(active)
    if decision.wake_at_us is not None:
        context.memory.wake_run(run.id, decision.wake_at_us)
    _tell_later_runs(context, found)
    if run.state in RUN_FINISHED:
        context.memory.end_run(run)
        context.tell(f"run {run.run_id} of {run.dag_id}: {run.state}")


def _tell_later_runs(context: SchedulerContext, found: Decided) -> None:
    """Let runs whose tasks ask for the past look again when their past has moved."""
    if not context.memory.dag(found.run.dag_id).spec.tasks_asking_past:
        return
    if found.run.moved or found.decision.changes or found.decision.run_state:
        context.memory.advance_later_runs(found.run)
    found.run.moved = False
