"""What follows a failed try: another try after a delay, or the end. As in Airflow 2.10."""

from __future__ import annotations

import math
from hashlib import sha1
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.clock import from_us
from airflow_lite.states import TaskInstanceState

if TYPE_CHECKING:
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.spec.model import TaskSpec

#: Doubling a delay more often than this passes every cap, and soon what a float can hold.
_MAX_DOUBLINGS = 900
#: A hundred years: added to any moment, the store still holds it; `timedelta.max` is too much.
_LONGEST_S = 36_500 * 86_400.0


class RetryDecision(NamedTuple):
    """`state` is up_for_retry (then `delay_s` seconds from the end of the try) or failed."""

    state: TaskInstanceState
    delay_s: float = 0.0


def after_failure(
    task: TaskSpec,
    *,
    key: TaskInstanceKey,
    logical_us: int,
    max_tries: int,
    force_fail: bool,
    max_delay_s: float,
) -> RetryDecision:
    """Return the next state of a task instance whose try `key.try_number` has just failed.

    `max_tries` is the instance's own (a clear raises it), `force_fail` forbids a retry,
    `max_delay_s` is `[core] max_task_retry_delay`, the cap of exponential backoff.
    """
    if force_fail or not task.retries or key.try_number > max_tries:
        return RetryDecision(TaskInstanceState.FAILED)
    delay_s = min(_delay_s(task, key, logical_us, max_delay_s), _LONGEST_S)
    return RetryDecision(TaskInstanceState.UP_FOR_RETRY, delay_s)


def _delay_s(task: TaskSpec, key: TaskInstanceKey, logical_us: int, max_delay_s: float) -> float:
    if not task.retry_exponential_backoff:
        return task.retry_delay_s
    doublings = min(max(key.try_number - 1, 0), _MAX_DOUBLINGS)
    least = max(math.ceil(task.retry_delay_s * 2.0**doublings), 1)
    delay_s = min(least + _jitter(key, logical_us) % least, max_delay_s)
    return min(delay_s, task.max_retry_delay_s) if task.max_retry_delay_s else delay_s


def _jitter(key: TaskInstanceKey, logical_us: int) -> int:
    """Return a large number that is always the same for this try: Airflow hashes the same text."""
    logical = from_us(logical_us).isoformat(sep=" ")
    text = f"{key.dag_id}#{key.task_id}#{logical}#{key.try_number}"
    return int(sha1(text.encode(), usedforsecurity=False).hexdigest(), 16)
