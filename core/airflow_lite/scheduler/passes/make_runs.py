"""Runs that schedules ask for are made, and queued runs start, for the DAGs that are due."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_lite.clock import iso
from airflow_lite.errors import DagRunAlreadyExists
from airflow_lite.scheduler.passes.refresh import load_runs
from airflow_lite.scheduler.planner.advance import start_runs
from airflow_lite.scheduler.planner.create_runs import create_runs
from airflow_lite.states import DagRunType
from airflow_lite.store import runs, scheduling

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite.scheduler.planner.create_runs import Plan
    from airflow_lite.scheduler.state.context import World
    from airflow_lite.scheduler.state.memory import OwnedDag
    from airflow_lite.spec.timetable import RunInfo

logger = logging.getLogger(__name__)


def make_and_start(world: World) -> None:
    """Look at every DAG that is due: make its scheduled runs, then start queued ones."""
    owned = world.owned
    _take_due_schedules(world)
    due, owned.due_dags = owned.due_dags, set()
    known = [owned.dags[dag_id] for dag_id in sorted(due) if dag_id in owned.dags]
    ready = [one for one in known if one.may_schedule or world.scope is not None]
    if world.takes_schedules:
        _make(world, [one for one in ready if one.spec.schedule.kind != "none"])
    _start(world, ready)


def _take_due_schedules(world: World) -> None:
    now_us = world.clock.now_us()
    for one in world.owned.dags.values():
        if one.next_create_after_us is not None and one.next_create_after_us <= now_us:
            world.owned.due_dags.add(one.dag_id)


def _make(world: World, dags: list[OwnedDag]) -> None:
    _recall_last_runs(world, [one for one in dags if not one.knows_last])
    now_us = world.clock.now_us()
    plans: list[tuple[OwnedDag, Plan]] = []
    for one in dags:
        try:
            active = len(world.owned.runs_of(one.dag_id) + world.owned.waiting_of(one.dag_id))
            plans.append((one, create_runs(one.spec, one.last_end_us, active, now_us)))
        except Exception:  # one bad schedule must not stop the others
            logger.exception("the next runs of DAG %r cannot be planned", one.dag_id)
            one.next_create_after_us = None
    news = [(one, plan) for one, plan in plans if _is_news(one, plan)]
    if news:
        with world.store.begin() as connection:
            made = [
                _insert_run(connection, one, run, now_us) for one, plan in news for run in plan.runs
            ]
            scheduling.set_next_runs(connection, [_next_row(*item) for item in news])
        load_runs(world, [run_id for run_id in made if run_id is not None])
    for one, plan in plans:
        _remember(world, one, plan)


def _recall_last_runs(world: World, dags: list[OwnedDag]) -> None:
    if not dags:
        return
    with world.store.read() as connection:
        ends_us = runs.last_scheduled(connection, [one.dag_id for one in dags])
    for one in dags:
        one.knows_last, one.last_end_us = True, ends_us.get(one.dag_id)


def _due_us(plan: Plan) -> int | None:
    return None if plan.following is None else plan.following.run_after_us


def _is_news(one: OwnedDag, plan: Plan) -> bool:
    return bool(plan.runs) or _due_us(plan) != one.told_create_after_us


def _insert_run(connection: sa.Connection, one: OwnedDag, run: RunInfo, now_us: int) -> int | None:
    try:
        return runs.create_run(
            connection,
            one.spec,
            one.version_id,
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


def _next_row(one: OwnedDag, plan: Plan) -> dict[str, Any]:
    logical, start, end, due = plan.following or (None, None, None, None)
    return {
        "of_dag": one.dag_id,
        "logical": logical,
        "interval_start": start,
        "interval_end": end,
        "create_after": due,
    }


def _remember(world: World, one: OwnedDag, plan: Plan) -> None:
    one.told_create_after_us = one.next_create_after_us = _due_us(plan)
    if plan.runs:
        one.last_end_us = plan.runs[-1].interval_end_us
        world.owned.due_dags.add(one.dag_id)  # there may be more to make
    elif (one.next_create_after_us or 0) <= world.clock.now_us():
        # Due already but no room: a run that ends makes the DAG due again.
        one.next_create_after_us = None


def _start(world: World, dags: list[OwnedDag]) -> None:
    started: list[int] = []
    for one in dags:
        if waiting := world.owned.waiting_of(one.dag_id):
            every = waiting + world.owned.runs_of(one.dag_id)
            started += [run.id for run in start_runs(every, one.spec, world.clock.now_us())]
    if started:
        with world.store.begin() as connection:
            runs.start_runs(connection, started, world.clock.now_us())
        load_runs(world, started)  # as they are now: someone else may have been there first
