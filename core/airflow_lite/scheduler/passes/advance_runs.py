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
        for run_id in context.memory.take_due(context.clock.now_us())
        if (found := _advance(context, context.memory.runs[run_id])) is not None
    ]
    if not decided:
        return
    try:
        written, asked = _write(context, decided)
    except BaseException as error:
        # Memory is ahead of the store now.
        context.memory.stale_runs |= {found.run.id for found in decided}
        if isinstance(error, StaleRows):
            logger.info("%s; loading them again", error)
            return
        raise
    context.callbacks.add(asked)
    for found in written:
        _follow_up(context, found)


def _advance(context: SchedulerContext, run: Run) -> Decided | None:
    known = context.memory.dags.get(run.dag_id)
    if known is None:
        return None
    events, run.seen = run.seen, []
    try:
        facts = facts_of(context, run, known.spec)
        return Decided(run, advance(run, known.spec, events, facts, context.clock.now_us()))
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
    stale = {found.run.id for found in decided} - {found.run.id for found in fresh}
    context.memory.stale_runs |= stale
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
        run.ready.add(decision.ready, context.memory.dags[run.dag_id].spec.limited_tasks)
    for instance in decision.kill:
        active = context.memory.active.get(instance.attempt or "")
        if active is not None:
            context.revoke(active)
    if decision.wake_at_us is not None:
        context.memory.wake_at_us[run.id] = decision.wake_at_us
    _tell_later_runs(context, found)
    if run.state in RUN_FINISHED:
        context.memory.due_dags.add(run.dag_id)
        context.memory.end_run(run.id)
        context.tell(f"run {run.run_id} of {run.dag_id}: {run.state}")


def _tell_later_runs(context: SchedulerContext, found: Decided) -> None:
    """Let runs whose tasks ask for the past look again when their past has moved."""
    known = context.memory.dags[found.run.dag_id]
    if not known.spec.tasks_asking_past:
        return
    later = [
        run.id
        for run in context.memory.runs_of(known.dag_id)
        if run.logical_us > found.run.logical_us
    ]
    if found.run.moved or found.decision.changes or found.decision.run_state:
        context.memory.due_runs.update(later)
    found.run.moved = False
