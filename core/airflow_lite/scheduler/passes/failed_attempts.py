"""Tries that end without an outcome: never claimed, refused, lost with their supervisor."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import seconds_us
from airflow_lite.scheduler.state.conflict import StaleRows, expect_rows
from airflow_lite.spec.retry import RetryDecision, after_failure
from airflow_lite.states import TaskInstanceState
from airflow_lite.store import callbacks, scheduling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.scheduler.state.memory import ActiveAttempt

logger = logging.getLogger(__name__)

_CALLBACKS = {
    TaskInstanceState.UP_FOR_RETRY: "on_retry",
    TaskInstanceState.FAILED: "on_failure",
}


class FailedTry(NamedTuple):
    """An attempt whose try is to be ended here, and why.

    The task instance gets `state`; None: what a failed try leads to, retries included.
    """

    active: ActiveAttempt
    cause: str
    state: str | None = None


def requeue(
    context: SchedulerContext,
    unclaimed: Sequence[ActiveAttempt],
    reasons: Mapping[str, str],
    *,
    is_counted: bool,
) -> None:
    """Take back attempts that nobody claimed: their try gets another one.

    Counted ones (stuck, dropped by the engine) only `num_stuck_in_queued_retries` times, then the
    try has failed.
    """
    most = context.settings.stuck_retries
    spent = [one for one in unclaimed if is_counted and one.instance.stuck_count >= most]
    again = [one for one in unclaimed if not (is_counted and one.instance.stuck_count >= most)]
    if spent:
        end_tries(
            context,
            [FailedTry(one, f"{reasons[one.token]}; {most} requeues are used up") for one in spent],
        )
    if again:
        _requeue(context, again, reasons, add=1 if is_counted else 0)


def _requeue(
    context: SchedulerContext,
    again: Sequence[ActiveAttempt],
    reasons: Mapping[str, str],
    *,
    add: int,
) -> None:
    rows = [
        {
            **context.change(one.instance, reasons[one.token]),
            "was_attempt": one.token,
            "stuck": one.instance.stuck_count + add,
        }
        for one in again
    ]
    touched = {one.run.id for one in again}
    try:
        with context.store.begin() as connection:
            expect_rows(scheduling.requeue(connection, rows), len(rows), touched)
    except StaleRows as surprise:
        context.memory.doubt(surprise.run_ids)
        return
    for one in again:
        logger.warning("%s: %s; it is queued again", _name(one), reasons[one.token])
        one.instance.state = TaskInstanceState.SCHEDULED
        one.instance.attempt = None
        one.instance.stuck_count += add
        _done(context, one)


def end_tries(context: SchedulerContext, lost: Sequence[FailedTry]) -> None:
    """End tries as failed; those with tries left are retried. Their callbacks are asked for."""
    verdicts = [_verdict(context, one) for one in lost]
    rows = [_row(context, one, verdict) for one, verdict in zip(lost, verdicts, strict=True)]
    touched = {one.active.run.id for one in lost}
    try:
        with context.store.begin() as connection:
            expect_rows(scheduling.end_tries(connection, rows), len(rows), touched)
            asked = [
                callbacks.ask(
                    connection,
                    one.active.run.id,
                    name,
                    one.cause,
                    now_us=context.clock.now_us(),
                    instance_id=one.active.instance.id,
                )
                for one, verdict in zip(lost, verdicts, strict=True)
                if (name := _callback(context, one, verdict)) is not None
            ]
    except StaleRows as surprise:
        context.memory.doubt(surprise.run_ids)
        return
    context.callbacks.add(asked)
    for one, row in zip(lost, rows, strict=True):
        logger.error("%s: %s; now %s", _name(one.active), one.cause, row["to_state"])
        instance = one.active.instance
        instance.state, instance.next_at_us = row["to_state"], row["next_at_us"]
        _done(context, one.active)


def _verdict(context: SchedulerContext, lost: FailedTry) -> RetryDecision | None:
    """Return what follows for the task; None where it was cleared and begins anew."""
    active = lost.active
    if lost.state is not None:
        return RetryDecision(TaskInstanceState(lost.state))
    instance, run = active.instance, active.run
    if instance.state == TaskInstanceState.RESTARTING:
        return None
    task = context.task_of(run, instance)
    if task is None:
        return RetryDecision(TaskInstanceState.FAILED)
    return after_failure(
        task,
        key=context.as_seen(run, instance).key,
        logical_us=run.logical_us,
        max_tries=instance.max_tries,
        force_fail=False,
        max_delay_s=context.settings.max_retry_delay_s,
    )


def _row(
    context: SchedulerContext, lost: FailedTry, verdict: RetryDecision | None
) -> dict[str, Any]:
    row = context.change(lost.active.instance, lost.cause)
    next_at_us = None
    if verdict is not None and verdict.state == TaskInstanceState.UP_FOR_RETRY:
        next_at_us = row["now_us"] + seconds_us(verdict.delay_s)
    state = verdict.state if verdict is not None else None
    return {**row, "was_attempt": lost.active.token, "to_state": state, "next_at_us": next_at_us}


def _callback(
    context: SchedulerContext, lost: FailedTry, verdict: RetryDecision | None
) -> str | None:
    name = _CALLBACKS.get(verdict.state) if verdict is not None else None
    task = context.task_of(lost.active.run, lost.active.instance)
    if name is None or task is None or not any(c.startswith(name) for c in task.callbacks):
        return None
    return name


def _done(context: SchedulerContext, active: ActiveAttempt) -> None:
    context.memory.forget_attempt(active.token)
    run = context.memory.find_run(active.run.id)
    if run is not None:
        context.memory.note_change(run, active.instance)


def _name(active: ActiveAttempt) -> str:
    return f"{active.run.dag_id}.{active.instance.task_id} try {active.instance.try_number}"
