"""What a scheduler has in memory, in its log: for SIGUSR2."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.scheduler.world import World

logger = logging.getLogger(__name__)


def dump(world: World) -> None:
    """Log what the loop has in memory, and the executor's part."""
    owned = world.owned
    logger.info(
        "scheduler job %d: %d DAGs, %d running and %d queued runs, %d active attempts,"
        " %d callbacks",
        world.job_id,
        len(owned.dags),
        len(owned.runs),
        len(owned.waiting),
        len(owned.active),
        len(world.callbacks),
    )
    for active in owned.active.values():
        logger.info(
            "%s.%s of %s: %s, attempt %s%s",
            active.run.dag_id,
            active.instance.task_id,
            active.run.run_id,
            active.instance.state,
            active.token,
            ", not in our executor" if active.is_foreign else "",
        )
    for run_id, aside in owned.aside.items():
        logger.info("run %d of %s is set aside: %s", run_id, aside.dag_id, aside.reason)
    world.runner.debug_dump()
