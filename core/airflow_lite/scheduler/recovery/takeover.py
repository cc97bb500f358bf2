"""What a scheduler does before its first pass: it takes over what a dead one left."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_lite.scheduler.passes.failed_attempts import requeue
from airflow_lite.scheduler.passes.refresh import refresh, reload
from airflow_lite.scheduler.recovery.dead_dag_tests import fail_dead_tests
from airflow_lite.store import jobs, scheduling

if TYPE_CHECKING:
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.scheduler.state.memory import ActiveAttempt

logger = logging.getLogger(__name__)


def take_over(context: SchedulerContext) -> None:
    """Fail the jobs of dead schedulers, load their runs, and see about their attempts.

    Queued attempts are offered to the executor; those it returns, or that another executor had,
    are queued again under new tokens. Running ones are left alone and watched.
    """
    if context.scope is None:
        _fail_dead_jobs(context)
    refresh(context)
    reload(context)
    queued = [active for active in context.memory.attempts if active.is_queued]
    if queued:
        with context.store.read() as connection:
            rows = {row.attempt: row for row in scheduling.active_rows(connection)}
        _adopt(context, [(active, rows[active.token]) for active in queued if active.token in rows])
    running = sum(active.is_claimed for active in context.memory.attempts)
    if running:
        logger.info("%d attempts of an earlier scheduler still run, and are watched", running)


def _adopt(context: SchedulerContext, queued: list[tuple[ActiveAttempt, Any]]) -> None:
    name = context.executor_name
    ours = [(active, row) for active, row in queued if row.executor == name]
    others = [(active, row) for active, row in queued if row.executor != name]
    for active, row in ours:
        active.external_id = row.external_executor_id
    if ours:
        context.runner.adopt(
            [
                context.task_instance_of(active.run, active.instance, active.external_id)
                for active, _ in ours
            ]
        )
    if others:
        reasons = {active.token: f"was queued for {row.executor}" for active, row in others}
        requeue(context, [active for active, _ in others], reasons, is_counted=False)


def _fail_dead_jobs(context: SchedulerContext) -> None:
    """Only a scheduler whose lock or lease is gone has let this one in; a `dags test` has none."""
    fail_dead_tests(context.config, context.store, context.clock)
    now_us = context.clock.now_us()
    with context.store.begin() as connection:
        earlier = [
            row for row in jobs.running_jobs(connection, "scheduler") if row.id != context.job_id
        ]
        ids = [row.id for row in earlier]
        jobs.end_jobs(connection, ids, state="failed", now_us=now_us)
        jobs.own_all_dags(connection, context.job_id)
    for row in earlier:
        logger.warning(
            "the scheduler with pid %d on %s is dead; its runs are taken over",
            row.pid,
            row.hostname,
        )
