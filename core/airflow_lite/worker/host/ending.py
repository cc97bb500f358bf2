"""How attempts end in a task host: what was held for them is let go, their end is written."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_lite.errors import StoreError
from airflow_lite.states import TaskInstanceState
from airflow_lite.store.attempts import Returned
from airflow_lite.store.faults import is_database_error
from airflow_lite.worker.host.attempt import Phase
from airflow_lite.worker.messages import RetryPolicy

if TYPE_CHECKING:
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.store.connection import HostStore
    from airflow_lite.worker.host.attempt import Attempt
    from airflow_lite.worker.host.state import HostState
    from airflow_lite.worker.messages import Outcome

logger = logging.getLogger(__name__)


def finish(state: HostState, attempt: Attempt, outcome: Outcome) -> None:
    """Put the end of an attempt into the next commit."""
    if attempt.phase is Phase.ENDING:
        return
    attempt.phase = Phase.ENDING
    release(state, attempt)
    _warn_of_cut_log(attempt, outcome)
    attempt.outcome = outcome
    _record(state, attempt)


def refuse(state: HostState, attempt: Attempt, refusal: str) -> bool:
    """Let an attempt fail of which the database takes nothing; False if not even its failure."""
    logger.error("what %s gave cannot be recorded: %s", attempt.key, refusal)
    is_over = attempt.phase is Phase.ENDING
    if is_over and attempt.refusal is not None:
        return False
    attempt.refusal = refusal
    if is_over:
        _record(state, attempt)
    return True


def _record(state: HostState, attempt: Attempt) -> None:
    outcome = attempt.outcome
    assert outcome is not None  # it has ended
    if attempt.refusal is not None:
        attempt.log_error = None
        outcome = _refused(outcome, attempt.refusal)
    if attempt.policy is None and outcome.state == TaskInstanceState.FAILED:
        attempt.policy = _stored_policy(state.store, attempt.key)
    end = attempt.ended(outcome, state.clock.now_us(), state.settings.max_retry_delay_s)
    state.batch.ended.append(end)


def _refused(outcome: Outcome, refusal: str) -> Outcome:
    """Return the outcome of an attempt that cannot be recorded as it was."""
    return outcome._replace(
        state=TaskInstanceState.FAILED,
        cause=f"what it gave cannot be recorded: {refusal}",
        next_at_us=None,
        trigger_spec=None,
        next_method=None,
        next_kwargs=None,
        skip_decision=None,
        map_length=None,
        rendered_map_index=None,
        changes=None,
        log_error=None,
        is_reported=False,  # what it called back was for another outcome
    )


def give_back(state: HostState, attempt: Attempt, error: str) -> None:
    """Let a claimed attempt whose code has not begun wait in the queue again, for better times."""
    state.shortage.fail(error)
    zygote, attempt.zygote = attempt.zygote, None
    if zygote is not None:
        zygote.tokens.discard(attempt.token)
    release(state, attempt)
    attempt.log_pipe = attempt.policy = attempt.pid = None
    row = attempt.queued
    cause = f"given back: {error}"
    state.batch.returned.append(Returned(row.id, attempt.token, row.try_started_us, cause))
    if attempt.stop_reason is not None:
        state.drop(attempt)
        return
    attempt.phase = Phase.WAITING
    state.waiting[attempt.token] = attempt


def release(state: HostState, attempt: Attempt) -> None:
    """Let go of what was held for an attempt while it ran."""
    state.cancel_timers(attempt)
    close_line(attempt)
    if attempt.log_pipe is not None:
        if not attempt.log_pipe.is_closed:
            attempt.log_pipe.carry()
        attempt.log_pipe.release()
    zygote = attempt.zygote
    if zygote is not None and not attempt.is_claimed:
        zygote.tokens.discard(attempt.token)


def close_line(attempt: Attempt) -> None:
    """Hear the attempt's processes no more."""
    if attempt.line is not None:
        attempt.line.close()
        attempt.line = None


def _warn_of_cut_log(attempt: Attempt, outcome: Outcome) -> None:
    """Say once, in the host's own output, that the log of an attempt is not whole."""
    if attempt.log_error is not None:  # logged when the log could not be opened
        return
    of_host = attempt.log_pipe.log_error if attempt.log_pipe is not None else None
    attempt.log_error = outcome.log_error or of_host
    if attempt.log_error is not None:
        logger.warning("the log of %s is cut: %s", attempt.key, attempt.log_error)


def _stored_policy(store: HostStore, key: TaskInstanceKey) -> RetryPolicy:
    """Return how often a task may be tried by its stored DAG: no zygote reported that.

    A DAG that cannot be read allows no retries.
    """
    from airflow_lite.store import dags

    try:
        with store.whole.read() as connection:
            latest = dags.latest_spec(connection, key.dag_id)
    except Exception as error:
        if not (isinstance(error, StoreError) or is_database_error(error)):
            raise
        logger.warning("no retries for %s: its DAG cannot be read: %s", key, error)
        return RetryPolicy()
    task = None if latest is None else latest[1].tasks.get(key.task_id)
    if task is None:
        return RetryPolicy()
    return RetryPolicy(
        task.execution_timeout_s,
        task.retries,
        task.retry_delay_s,
        task.retry_exponential_backoff,
        task.max_retry_delay_s,
    )
