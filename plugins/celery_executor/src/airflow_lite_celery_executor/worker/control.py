"""The commands of remote control that are ours, for schedulers and `airflow-lite celery`."""

from __future__ import annotations

import time
from typing import Any

from celery.worker.control import control_command, inspect_command

from airflow_lite_celery_executor.worker.context import context_of


@control_command(args=[("tokens", list), ("grace_s", float)])  # type: ignore[untyped-decorator]
def airflow_lite_stop(
    state: Any, tokens: list[str], grace_s: float | None = None, **_: Any
) -> dict[str, str]:
    """Stop those of these attempts that are here."""
    for token in tokens:
        state.consumer.pool.stop_attempt(str(token), None if grace_s is None else float(grace_s))
    return {"ok": "told"}


@inspect_command()  # type: ignore[untyped-decorator]
def airflow_lite_status(state: Any, **_: Any) -> dict[str, Any]:
    """Tell what runs here, from which queues, and what the machine sees."""
    from airflow_lite_celery_executor.worker.surroundings import look_around

    consumer = state.consumer
    context = context_of(state.app)
    pool = consumer.pool
    return {
        "queues": pool.queues,
        "slots": pool.limit,
        "running": pool.running,
        "waiting": pool.waiting,
        "unacknowledged": pool.unacknowledged,
        "is_paused": pool.flow.is_paused,
        "is_ending": pool.is_draining,
        "refused": context.refused,
        "fault": context.fault,
        "time_s": time.time(),
        **look_around(context.config),
    }


@inspect_command(args=[("token", str)])  # type: ignore[untyped-decorator]
def airflow_lite_lines(state: Any, token: str, **_: Any) -> list[str]:
    """Tell what is remembered of an attempt."""
    return context_of(state.app).memory.lines_of(str(token))
