"""How often a task may be tried, for an attempt of which no zygote has told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from airflow_lite.errors import StoreError
from airflow_lite.worker.messages import RetryPolicy

if TYPE_CHECKING:
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.store.engine import Store

logger = logging.getLogger(__name__)


def stored_policy(store: Store, key: TaskInstanceKey) -> RetryPolicy:
    """Return the policy that the stored DAG has for the task; none where that cannot be read."""
    from airflow_lite.store import dags

    try:
        with store.read() as connection:
            found = dags.latest_spec(connection, key.dag_id)
    except (SQLAlchemyError, StoreError) as error:
        logger.warning("no retries for %s: its DAG cannot be read: %s", key, error)
        return RetryPolicy()
    task = None if found is None else found[1].tasks.get(key.task_id)
    if task is None:
        return RetryPolicy()
    return RetryPolicy(
        task.execution_timeout_s,
        task.retries,
        task.retry_delay_s,
        task.retry_exponential_backoff,
        task.max_retry_delay_s,
    )
