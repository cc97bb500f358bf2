"""What a scheduler does before its first pass: it takes over what a dead one left."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_lite.scheduler.passes.failed_attempts import requeue
from airflow_lite.scheduler.passes.refresh import refresh, reload
from airflow_lite.scheduler.recovery.dead_dag_tests import fail_dead_tests
from airflow_lite.states import TaskInstanceState
from airflow_lite.store import jobs, scheduling

if TYPE_CHECKING:
    from airflow_lite.scheduler.state.context import World
    from airflow_lite.scheduler.state.memory import Active

logger = logging.getLogger(__name__)


def take_over(world: World) -> None:
    """Fail the jobs of dead schedulers, load their runs, and see about their attempts.

    Queued attempts are offered to the executor; those it returns, or that another executor had,
    are queued again under new tokens. Running ones are left alone and watched.
    """
    if world.scope is None:
        _fail_dead_jobs(world)
    refresh(world)
    reload(world)
    queued = [one for one in world.owned.live() if one.instance.state == TaskInstanceState.QUEUED]
    if queued:
        with world.store.read() as connection:
            rows = {row.attempt: row for row in scheduling.active_rows(connection)}
        _see_about(world, [(one, rows[one.token]) for one in queued if one.token in rows])
    running = sum(one.instance.state != TaskInstanceState.QUEUED for one in world.owned.live())
    if running:
        logger.info("%d running attempts of an earlier scheduler are watched", running)


def _see_about(world: World, queued: list[tuple[Active, Any]]) -> None:
    ours = [(one, row) for one, row in queued if row.executor == world.executor_name]
    others = {one.token: row.executor for one, row in queued if row.executor != world.executor_name}
    if ours:
        world.runner.adopt(
            [world.as_seen(one.run, one.instance, row.external_executor_id) for one, row in ours]
        )
    if others:
        reasons = {token: f"was queued for {executor}" for token, executor in others.items()}
        requeue(world, [one for one, _ in queued if one.token in others], reasons, is_counted=False)


def _fail_dead_jobs(world: World) -> None:
    """On SQLite our lock proves that no other scheduler lives; `dags test` by its process."""
    fail_dead_tests(world.config, world.store, world.clock)
    now_us = world.clock.now_us()
    with world.store.begin() as connection:
        earlier = [
            row for row in jobs.running_jobs(connection, "scheduler") if row.id != world.job_id
        ]
        ids = [row.id for row in earlier]
        jobs.end_jobs(connection, ids, state="failed", now_us=now_us)
        jobs.own_all_dags(connection, world.job_id)
    for row in earlier:
        logger.warning("the scheduler with pid %d on %s is dead", row.pid, row.hostname)
