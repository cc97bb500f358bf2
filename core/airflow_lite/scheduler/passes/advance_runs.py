"""The due runs are advanced, and what was decided of them is written in one transaction.

The deciding itself, for one run and without a store, is `planner.advance`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.scheduler.passes.previous_run import facts_of
from airflow_lite.scheduler.passes.refresh import skip_run, write_each
from airflow_lite.scheduler.planner.advance import advance
from airflow_lite.scheduler.state import run_log
from airflow_lite.scheduler.state.conflict import StaleRows, edited_runs, expect_rows
from airflow_lite.states import RUN_FINISHED, DagRunState, DagRunType, TaskInstanceState
from airflow_lite.store import callbacks, expansion, runs, scheduling
from airflow_lite.store.faults import is_of_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from airflow_lite.scheduler.planner.model import Decision, Run
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.scheduler.state.memory import OwnedDag

logger = logging.getLogger(__name__)

#: Run row id -> the ids below 0 that `advance` gave to new instances -> their rows.
NewRows = dict[int, dict[int, int]]


class DecidedRun(NamedTuple):
    """A run with what was decided of it."""

    run: Run
    decision: Decision


class Written(NamedTuple):
    """What was written, with the callback requests, new rows and paused DAGs that came of it."""

    runs: Sequence[DecidedRun]
    request_ids: Sequence[int] = ()
    new_rows: NewRows = {}  # noqa: RUF012 - read, never changed
    paused: Sequence[OwnedDag] = ()


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
        written = _write(context, all_decided)
    except BaseException as error:
        if is_of_rows(error):
            raise
        # Memory is ahead of the store now.
        context.memory.doubt(decided.run.id for decided in all_decided)
        if isinstance(error, StaleRows):
            logger.info("%s; loading them again", error)
            return
        raise
    context.callbacks.add(written.request_ids)
    for decided in written.runs:
        _take_new_rows(context, decided, written.new_rows.get(decided.run.id, {}))
        _follow_up(context, decided)
    for dag in written.paused:
        dag.is_paused = True
        run_log.dag_paused(dag.dag_id, dag.spec.max_consecutive_failed_dag_runs)


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


def _write(context: SchedulerContext, all_decided: Sequence[DecidedRun]) -> Written:
    """Write all decisions but those of runs that someone else edited; those are loaded again."""
    if not any(_has_writes(decided.decision) for decided in all_decided):
        return Written(all_decided)
    with context.store.begin() as connection:
        edited = edited_runs(connection, [decided.run for decided in all_decided])
        fresh = [decided for decided in all_decided if decided.run.id not in edited]
        new_rows = _expand(connection, fresh)
        request_ids = _write_fresh(context, connection, fresh, new_rows)
        paused = _pause_failing(context, connection, fresh)
    context.memory.doubt(edited)
    return Written(fresh, request_ids, new_rows, paused)


def _has_writes(decision: Decision) -> bool:
    writes = (decision.expansions, decision.changes, decision.run_state, decision.callbacks)
    return any(writes)


def _expand(connection: sa.Connection, fresh: Sequence[DecidedRun]) -> NewRows:
    """Make the rows of mapped tasks."""
    all_expansions = [(run, each) for run, decision in fresh for each in decision.expansions]
    begun = [each.row for _, each in all_expansions if each.begins]
    touched = {run.id for run, _ in all_expansions}
    expect_rows(expansion.begin(connection, begun), len(begun), touched)
    new_rows: NewRows = {run_id: {} for run_id in touched}
    for run, each in all_expansions:
        if each.created:
            first, last = each.created[0].map_index, each.created[-1].map_index
            new = expansion.NewIndexes(run.id, each.task_id, each.row, first, last, each.max_tries)
            ids = expansion.make(connection, new)
            new_rows[run.id] |= {made.id: ids[made.map_index] for made in each.created}
    return new_rows


def _take_new_rows(context: SchedulerContext, decided: DecidedRun, rows: Mapping[int, int]) -> None:
    """Note in memory which rows the new instances of mapped tasks have."""
    for each in decided.decision.expansions:
        for instance in each.created:
            instance.id = rows[instance.id]
        context.memory.add_instances(decided.run, each.created)


def _write_fresh(
    context: SchedulerContext,
    connection: sa.Connection,
    fresh: Sequence[DecidedRun],
    new_rows: NewRows,
) -> list[int]:
    now_us = context.clock.now_us()
    common = {"actor": context.actor, "now_us": now_us}
    rows = [
        {**change._asdict(), "row": new_rows.get(run.id, {}).get(change.row, change.row), **common}
        for run, decision in fresh
        for change in decision.changes
    ]
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
    ] + [
        callbacks.ask_alert(
            connection, run.id, run_log.why_failed(run, decision.run_reason), now_us=now_us
        )
        for run, decision in fresh
        if context.settings.alerts_of_failures
        and decision.run_state == DagRunState.FAILED
        and run.run_type != DagRunType.TEST  # whose user follows it
    ]


def _pause_failing(
    context: SchedulerContext, connection: sa.Connection, fresh: Sequence[DecidedRun]
) -> list[OwnedDag]:
    """Pause the DAGs of which too many runs in a row have failed by their tasks, as Airflow does.

    A run that timed out or came to nothing is no reason to look, and counts when another is.
    """
    failed = {
        run.dag_id: context.memory.dag(run.dag_id)
        for run, decision in fresh
        if decision.run_reason == "task_failure" and run.run_type != DagRunType.TEST
    }
    return [
        dag
        for dag_id, dag in failed.items()
        if (most := dag.spec.max_consecutive_failed_dag_runs)
        and runs.pause_after_failures(connection, dag_id, most)
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
