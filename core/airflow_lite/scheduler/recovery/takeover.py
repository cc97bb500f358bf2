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
    queued = [
        one
        for one in context.memory.live_attempts()
        if one.instance.state == TaskInstanceState.QUEUED
    ]
    if queued:
        with context.store.read() as connection:
            rows = {row.attempt: row for row in scheduling.active_rows(connection)}
        _see_about(context, [(one, rows[one.token]) for one in queued if one.token in rows])
    running = sum(
        one.instance.state != TaskInstanceState.QUEUED for one in context.memory.live_attempts()
    )
    if running:
        logger.info("%d running attempts of an earlier scheduler are watched", running)


def _see_about(context: SchedulerContext, queued: list[tuple[ActiveAttempt, Any]]) -> None:
    ours = [(one, row) for one, row in queued if row.executor == context.executor_name]
    others = {
        one.token: row.executor for one, row in queued if row.executor != context.executor_name
    }
    if ours:
        context.runner.adopt(
            [context.as_seen(one.run, one.instance, row.external_executor_id) for one, row in ours]
        )
    if others:
        reasons = {token: f"was queued for {executor}" for token, executor in others.items()}
        requeue(
            context, [one for one, _ in queued if one.token in others], reasons, is_counted=False
        )


def _fail_dead_jobs(context: SchedulerContext) -> None:
    """On SQLite our lock proves that no other scheduler lives; `dags test` by its process."""
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
        logger.warning("the scheduler with pid %d on %s is dead", row.pid, row.hostname)
