"""Runs that schedules ask for are made, and queued runs start, for the DAGs that are due."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import DagRunAlreadyExists
from airflow_lite.scheduler.advance import start_runs
from airflow_lite.scheduler.create_runs import create_runs
from airflow_lite.scheduler.loading import load_runs
from airflow_lite.scheduler.model import Schedule
from airflow_lite.scheduler.surprise import Surprise, expect
from airflow_lite.store import runs, scheduling

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite.scheduler.model import NewRun, Next
    from airflow_lite.scheduler.owned import OwnedDag
    from airflow_lite.scheduler.world import World

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
    _recall_last_runs(world, [one for one in dags if one.last is None])
    plans: list[tuple[OwnedDag, Next]] = []
    for one in dags:
        try:
            schedule = replace(
                one.last or Schedule(one.spec), active_runs=world.owned.unfinished_of(one.dag_id)
            )
            plans.append((one, create_runs(schedule, world.clock.now_us())))
        except Exception:  # one bad schedule must not stop the others
            logger.exception("the next runs of DAG %r cannot be planned", one.dag_id)
            one.next_create_after_us = None
    if any(_is_news(one, following) for one, following in plans):
        with world.store.begin() as connection:
            made = [run for one, plan in plans for run in _insert(world, connection, one, plan)]
            _write_next(connection, [item for item in plans if _is_news(*item)])
        load_runs(world, made)
    for one, following in plans:
        _remember(world, one, following)


def _recall_last_runs(world: World, dags: list[OwnedDag]) -> None:
    if not dags:
        return
    with world.store.read() as connection:
        rows = runs.last_scheduled(connection, [one.dag_id for one in dags])
    for one in dags:
        row = rows.get(one.dag_id)
        one.last = Schedule(one.spec)
        if row is not None:
            one.last = Schedule(
                one.spec, row.logical_us, row.interval_start_us, row.interval_end_us
            )


def _is_news(one: OwnedDag, following: Next) -> bool:
    return bool(following.runs) or following.next_create_after_us != one.told_create_after_us


def _insert(world: World, connection: sa.Connection, one: OwnedDag, following: Next) -> list[int]:
    return [
        run_id for run in following.runs if (run_id := _insert_run(world, connection, one, run))
    ]


def _insert_run(world: World, connection: sa.Connection, one: OwnedDag, run: NewRun) -> int | None:
    try:
        return runs.create_run(
            connection,
            one.spec,
            one.version_id,
            run_id=run.run_id,
            run_type="scheduled",
            logical_us=run.logical_us,
            interval=(run.interval_start_us, run.interval_end_us),
            conf={},
            external_trigger=False,
            now_us=world.clock.now_us(),
        )
    except DagRunAlreadyExists as error:
        # A run made by hand has this logical date: it takes the place, as in Airflow.
        logger.info("%s", error)
        return None


def _write_next(connection: sa.Connection, plans: list[tuple[OwnedDag, Next]]) -> None:
    rows: list[dict[str, Any]] = [
        {
            "of_dag": one.dag_id,
            "logical": following.next_logical_us,
            "interval_start": following.next_interval_start_us,
            "interval_end": following.next_interval_end_us,
            "create_after": following.next_create_after_us,
        }
        for one, following in plans
    ]
    scheduling.set_next_runs(connection, rows)


def _remember(world: World, one: OwnedDag, following: Next) -> None:
    one.told_create_after_us = one.next_create_after_us = following.next_create_after_us
    if following.runs:
        last = following.runs[-1]
        one.last = Schedule(one.spec, last.logical_us, last.interval_start_us, last.interval_end_us)
        world.owned.due_dags.add(one.dag_id)  # there may be more to make
    elif (one.next_create_after_us or 0) <= world.clock.now_us():
        # Due already but no room: a run that ends makes the DAG due again.
        one.next_create_after_us = None


def _start(world: World, dags: list[OwnedDag]) -> None:
    owned = world.owned
    started: list[int] = []
    for one in dags:
        waiting = [run for run in owned.waiting.values() if run.dag_id == one.dag_id]
        if not waiting:
            continue
        running = [other.run for other in owned.runs.values() if other.run.dag_id == one.dag_id]
        started += [run.id for run in start_runs(waiting + running, one.spec, world.clock.now_us())]
    if not started:
        return
    try:
        with world.store.begin() as connection:
            changed = runs.start_runs(connection, started, world.clock.now_us())
            expect(changed, len(started), set(started))
    except Surprise as surprise:
        logger.info("%s; loading them again", surprise)
    load_runs(world, started)
