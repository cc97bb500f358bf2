"""What a scheduler does before its first pass, and with what others have queued."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_lite.scheduler.passes.failed_attempts import requeue
from airflow_lite.scheduler.passes.refresh import refresh, reload
from airflow_lite.scheduler.passes.share_dags import share_dags
from airflow_lite.scheduler.recovery.dead_dag_tests import fail_dead_tests
from airflow_lite.store import callbacks, scheduling

if TYPE_CHECKING:
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.scheduler.state.memory import ActiveAttempt

logger = logging.getLogger(__name__)


def take_over(context: SchedulerContext) -> None:
    """Take DAGs that have no owner, those of dead schedulers among them, and load their runs.

    Running attempts are left alone and watched.
    """
    if context.scope is None:
        fail_dead_tests(context.config, context.store, context.clock)
        share_dags(context)
    if context.scope is None or context.backfill is not None:
        with context.store.read() as connection:
            context.callbacks.add(callbacks.open_of_ended_jobs(connection))
    refresh(context)
    reload(context)
    adopt_queued(context)
    running = sum(active.is_claimed for active in context.memory.attempts)
    if running:
        logger.info("%d attempts of an earlier scheduler still run, and are watched", running)


def adopt_queued(context: SchedulerContext) -> None:
    """Offer the executor what another scheduler has queued, as one that died.

    What it returns, or what was queued for another executor, is queued again under new tokens.
    """
    queued = context.memory.take_unoffered()
    if not queued:
        return
    with context.store.read() as connection:
        rows = {row.attempt: row for row in scheduling.active_rows(connection)}
    _adopt(context, [(active, rows[active.token]) for active in queued if active.token in rows])


def _adopt(context: SchedulerContext, queued: list[tuple[ActiveAttempt, Any]]) -> None:
    names = context.executor_names
    ours = [(active, row) for active, row in queued if row.executor in names]
    others = [(active, row) for active, row in queued if row.executor not in names]
    for active, row in ours:
        active.external_id = row.external_executor_id
    if ours:
        context.runner.adopt(
            [
                context.task_instance_of(
                    active.run, active.instance, active.external_id, row.executor
                )
                for active, row in ours
            ]
        )
    if others:
        reasons = {active.token: f"was queued for {row.executor}" for active, row in others}
        requeue(context, [active for active, _ in others], reasons, is_counted=False)
