"""Schedulers of one store share its DAGs: each owns some, and beats so that it keeps them.

At each beat a scheduler ends the jobs of those that are silent, takes its share of the DAGs that
have no owner, and lets go of what it has above that. All is judged by the database's clock.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_lite.clock import US_PER_S, seconds_us
from airflow_lite.processes.recorded import is_gone
from airflow_lite.scheduler.state.fellows import Share, share_of
from airflow_lite.store import jobs, ownership

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.scheduler.state.memory import OwnedDag

logger = logging.getLogger(__name__)


def share_dags(context: SchedulerContext) -> bool:
    """Take what has no owner and is due to this scheduler; return whether there was any.

    Only of a scheduler, not of a job that has runs of its own.
    """
    with context.store.begin() as connection:
        living = _living(context, connection)
        counts = ownership.owned_counts(connection)
        share = _share(context, living, counts)
        gained: list[str] = []
        if None in counts and not context.is_stopping:
            gained = ownership.claim_dags(connection, context.job_id, share.room)
    # Its own job may be over on SQLite, where only the next beat says so.
    context.fellows.is_leader = context.job_id == min(
        (row.id for row in living), default=context.job_id
    )
    if not context.store.is_sqlite:
        _hand_over(context, share.surplus)
    return bool(gained)


def _living(context: SchedulerContext, connection: sa.Connection) -> list[Any]:
    """Return the schedulers that live, this one among them, and end the jobs of the others."""
    rows = jobs.running_jobs(connection, "scheduler")
    _note_silence(context, rows)
    dead = [row for row in rows if row.id != context.job_id and _is_dead(context, row)]
    ended = jobs.end_silent(connection, dead, context.clock.now_us()) if dead else []
    for row in dead:
        if row.id in ended:
            logger.warning(
                "the scheduler with pid %d on %s is dead; its DAGs are taken over",
                row.pid,
                row.hostname,
            )
    return [row for row in rows if row.id not in ended]


def _note_silence(context: SchedulerContext, rows: list[Any]) -> None:
    silent_us = max((row.silent_us for row in rows if row.id == context.job_id), default=0)
    context.fellows.note_silence(
        silent_us / US_PER_S, context.settings.lease_timeout_s, context.clock.monotonic()
    )


def _is_dead(context: SchedulerContext, row: Any) -> bool:
    """Tell whether another scheduler's job is over, though nobody has recorded that."""
    if context.store.is_sqlite:  # its lock is free: there is no other
        return True
    if is_gone(row, context.config.hostname):
        return True
    is_silent = row.silent_us > seconds_us(context.settings.lease_timeout_s)
    return bool(is_silent and context.fellows.may_judge(context.clock.monotonic()))


def _share(
    context: SchedulerContext, living: list[Any], counts: dict[int | None, ownership.DagCount]
) -> Share:
    if context.is_stopping:
        return Share(room=0, surplus=len(context.memory.dags))
    scheduled = {owner: count.scheduled for owner, count in counts.items()}
    takers = [row.id for row in living if row.takes_dags and row.id != context.job_id]
    return share_of(
        scheduled.get(context.job_id, 0),
        [scheduled.get(job_id, 0) for job_id in takers],
        scheduled.get(None, 0),
        sum(scheduled.values()),
    )


def _hand_over(context: SchedulerContext, surplus: int) -> None:
    """Let go of so many DAGs, those first of which nothing waits in the executor or runs.

    One of which something waits queues nothing more, and goes when that has begun. What runs goes
    on, under the eyes of the DAG's next owner.
    """
    memory = context.memory
    waiting = {active.run.dag_id for active in memory.live_attempts() if active.is_queued}
    running = {run.dag_id for run in memory.running}

    def cost(dag: OwnedDag) -> tuple[bool, bool, bool, str]:
        dag_id = dag.dag_id
        return dag_id in waiting, not dag.is_leaving, dag_id in running, dag_id

    offered = [dag for dag in memory.dags if context.is_stopping or dag.is_scheduled]
    leaving = {dag.dag_id for dag in sorted(offered, key=cost)[:surplus]}
    memory.leave_dags(leaving)
    ready = leaving - waiting
    if ready:
        with context.store.begin() as connection:
            ownership.release_dags(connection, context.job_id, ready)
        memory.release_dags(ready)
        logger.info("%d DAGs are handed over to other schedulers", len(ready))
