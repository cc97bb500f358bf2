"""Runs that schedules ask for are made, and queued runs start, for the DAGs that are due.

Which runs these are is decided by `planner.create_runs`.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_lite.clock import iso
from airflow_lite.errors import DagRunAlreadyExists
from airflow_lite.scheduler.passes.backfill_runs import go_on
from airflow_lite.scheduler.passes.dataset_runs import make_triggered
from airflow_lite.scheduler.passes.refresh import load_runs, write_each
from airflow_lite.scheduler.planner.create_runs import create_runs, start_runs
from airflow_lite.spec import own_timetable
from airflow_lite.spec.timetable import count_due
from airflow_lite.states import DagRunType
from airflow_lite.store import runs, scheduling
from airflow_lite.store.faults import cause_of, is_of_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from airflow_lite.scheduler.planner.create_runs import Plan
    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.scheduler.state.memory import OwnedDag
    from airflow_lite.spec.model import DagRunInfo

logger = logging.getLogger(__name__)

#: Counting the runs that are due ends here: the loop has other things to do.
MOST_COUNTED = 1_000
_NONE = "it gets none until it changes"
#: How long a timetable of an author's that failed is left alone.
_ASK_AGAIN_US = 60_000_000


def make_and_start(context: SchedulerContext) -> None:
    """Look at every DAG that is due: make its runs, of schedule or backfill, start queued ones."""
    due = context.memory.take_due_dags(context.clock.now_us())
    ready = [dag for dag in due if dag.may_schedule or context.scope is not None]
    if context.backfill is not None and ready:
        go_on(context, context.backfill)
    if context.takes_schedules:
        _make(context, [dag for dag in ready if dag.spec.schedule.has_time])
        make_triggered(context, ready)
    _start(context, ready)


def _make(context: SchedulerContext, dags: list[OwnedDag]) -> None:
    new = [dag for dag in dags if not dag.knows_last_run]
    _recall_last_runs(context, new)
    now_us = context.clock.now_us()
    for dag in new:
        _tell_of_catchup(context, dag, now_us)
    plans: list[tuple[OwnedDag, Plan]] = []
    for dag in dags:
        try:
            active = len(context.memory.runs_of(dag.dag_id) + context.memory.queued_of(dag.dag_id))
            plans.append(
                (dag, create_runs(dag.spec, dag.last_end_us, active, now_us, dag.last_start_us))
            )
        except Exception as error:  # one bad schedule must not stop the others
            _set_aside(context, dag, error, now_us)
    new_plans = [(dag, plan) for dag, plan in plans if _is_new(dag, plan)]
    refused = _insert(context, new_plans, now_us) if new_plans else set()
    for dag, plan in plans:
        if dag.dag_id not in refused:
            _remember(context, dag, plan)


def _set_aside(context: SchedulerContext, dag: OwnedDag, error: Exception, now_us: int) -> None:
    """Plan no run of a DAG for now: an author's timetable is asked again, as it may recover."""
    is_authors = dag.spec.schedule.kind == own_timetable.KIND
    dag.next_create_after_us = now_us + _ASK_AGAIN_US if is_authors else None
    if context.memory.complain(("plan", dag.dag_id), repr(error)):
        what = "its timetable is asked again in a minute" if is_authors else _NONE
        text = "the next runs of DAG %r cannot be planned; %s"
        logger.error(text, dag.dag_id, what, exc_info=error)


def _insert(
    context: SchedulerContext, plans: Sequence[tuple[OwnedDag, Plan]], now_us: int
) -> set[str]:
    """Make planned runs in one transaction; return the DAGs of which the database refuses them."""
    try:
        with context.store.begin() as connection:
            run_ids = [
                _insert_run(connection, dag, run, now_us)
                for dag, plan in plans
                for run in plan.runs
            ]
            scheduling.set_next_runs(connection, [_next_row(*item) for item in plans])
    except Exception as error:
        if not is_of_rows(error):
            raise
        if len(plans) > 1:
            return set().union(*(_insert(context, [item], now_us) for item in plans))
        _refuse(context, plans[0][0], error)
        return {plans[0][0].dag_id}
    load_runs(context, [run_id for run_id in run_ids if run_id is not None])
    return set()


def _refuse(context: SchedulerContext, dag: OwnedDag, error: Exception) -> None:
    dag.next_create_after_us = None
    reason = cause_of(error)
    if context.memory.complain(("runs", dag.dag_id), reason):
        logger.error(
            "the next runs of DAG %r cannot be made; it gets none until it changes: %s",
            dag.dag_id,
            reason,
        )


def _recall_last_runs(context: SchedulerContext, dags: list[OwnedDag]) -> None:
    if not dags:
        return
    with context.store.read() as connection:
        intervals = runs.last_scheduled(connection, [dag.dag_id for dag in dags])
    for dag in dags:
        dag.knows_last_run = True
        dag.last_start_us, dag.last_end_us = intervals.get(dag.dag_id, (None, None))


def _tell_of_catchup(context: SchedulerContext, dag: OwnedDag, now_us: int) -> None:
    """Say how many runs are due where a DAG with catchup is far behind: it runs them all."""
    if not dag.spec.catchup:
        return
    try:
        count = count_due(dag.spec, dag.last_end_us, now_us, MOST_COUNTED, dag.last_start_us)
    except Exception:  # whoever makes its runs says so
        return
    if count > context.settings.catchup_notice:
        shown = f"{count} or more" if count == MOST_COUNTED else count
        logger.warning(
            "DAG %r has catchup=True, and %s runs are due: all are made, oldest first. Stop them"
            " with `airflow-lite dags pause %s`; catchup=False runs the last one alone.",
            dag.dag_id,
            shown,
            dag.dag_id,
        )


def _due_us(plan: Plan) -> int | None:
    return None if plan.following is None else plan.following.run_after_us


def _is_new(dag: OwnedDag, plan: Plan) -> bool:
    return bool(plan.runs) or _due_us(plan) != dag.saved_create_after_us


def _insert_run(
    connection: sa.Connection, dag: OwnedDag, run: DagRunInfo, now_us: int
) -> int | None:
    try:
        return runs.create_run(
            connection,
            dag.spec,
            dag.version_id,
            run_id=f"{DagRunType.SCHEDULED}__{iso(run.logical_us)}",
            run_type=DagRunType.SCHEDULED,
            logical_us=run.logical_us,
            interval=(run.interval_start_us, run.interval_end_us),
            now_us=now_us,
        )
    except DagRunAlreadyExists as error:
        # A run made by hand has this logical date: it takes the place, as in Airflow.
        logger.info("%s", error)
        return None


def _next_row(dag: OwnedDag, plan: Plan) -> dict[str, Any]:
    logical, start, end, due = plan.following or (None, None, None, None)
    return {
        "of_dag": dag.dag_id,
        "logical": logical,
        "interval_start": start,
        "interval_end": end,
        "create_after": due,
    }


def _remember(context: SchedulerContext, dag: OwnedDag, plan: Plan) -> None:
    context.memory.withdraw_complaint(("plan", dag.dag_id))
    dag.saved_create_after_us = dag.next_create_after_us = _due_us(plan)
    if plan.runs:
        dag.last_end_us = plan.runs[-1].interval_end_us
        dag.last_start_us = plan.runs[-1].interval_start_us
        context.memory.plan_dag(dag.dag_id)  # there may be more to make
    elif (dag.next_create_after_us or 0) <= context.clock.now_us():
        # Due already but no room: a run that ends makes the DAG due again.
        dag.next_create_after_us = None


def _start(context: SchedulerContext, dags: list[OwnedDag]) -> None:
    started: list[Run] = []
    now_us = context.clock.now_us()
    for dag in dags:
        if queued := context.memory.queued_of(dag.dag_id):
            unfinished = queued + context.memory.runs_of(dag.dag_id)
            started += start_runs(unfinished, dag.spec, now_us)
    if started:
        write_each(context, started, partial(_write_start, context), run_of=lambda run: run)


def _write_start(context: SchedulerContext, started: Sequence[Run]) -> None:
    ids = [run.id for run in started]
    with context.store.begin() as connection:
        runs.start_runs(connection, ids, context.clock.now_us())
        if context.figures is not None:
            context.figures.runs_started(connection, started)
    load_runs(context, ids)  # as they are now: someone else may have been there first
