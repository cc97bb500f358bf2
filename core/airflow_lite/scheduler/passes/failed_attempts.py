"""Tries that end without an outcome: never claimed, refused, lost with their supervisor.

`executor_reports` and `heartbeats` find them; what becomes of them is done here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import seconds_us
from airflow_lite.scheduler.passes.refresh import write_each
from airflow_lite.scheduler.state import run_log
from airflow_lite.scheduler.state.conflict import StaleRows, expect_rows
from airflow_lite.spec.retry import RetryDecision, after_failure
from airflow_lite.states import TaskInstanceState
from airflow_lite.store import callbacks, scheduling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.scheduler.state.memory import ActiveAttempt

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
    """Take back attempts that nobody claimed: the same try gets another attempt.

    Where that is counted (stuck, dropped by the engine), only `num_stuck_in_queued_retries`
    times, then the try has failed.
    """
    most = context.settings.stuck_retries
    tries = [
        FailedTry(active, f"{reasons[active.token]}; {most} requeues are used up")
        for active in unclaimed
        if is_counted and active.instance.stuck_count >= most
    ]
    if tries:
        end_tries(context, tries)
    used_up = {failed.active.token for failed in tries}
    left = [active for active in unclaimed if active.token not in used_up]
    if left:
        write = partial(_requeue, context, reasons, 1 if is_counted else 0)
        write_each(context, left, write, run_of=lambda active: active.run)


def _requeue(
    context: SchedulerContext,
    reasons: Mapping[str, str],
    add: int,
    attempts: Sequence[ActiveAttempt],
) -> None:
    rows = [
        {
            **context.change(active.instance, reasons[active.token]),
            "was_attempt": active.token,
            "stuck": active.instance.stuck_count + add,
        }
        for active in attempts
    ]
    touched = {active.run.id for active in attempts}
    try:
        with context.store.begin() as connection:
            expect_rows(scheduling.requeue(connection, rows), len(rows), touched)
    except StaleRows as error:
        context.memory.doubt(error.run_ids)
        return
    for active in attempts:
        run_log.try_requeued(context, active.run, active.instance, reasons[active.token])
        active.instance.state = TaskInstanceState.SCHEDULED
        active.instance.attempt = None
        active.instance.stuck_count += add
        _done(context, active)


def end_tries(context: SchedulerContext, tries: Sequence[FailedTry]) -> None:
    """End tries as failed; those with tries left are retried. Their callbacks are asked for."""
    write_each(context, tries, partial(_end_tries, context), run_of=lambda tri: tri.active.run)


def _end_tries(context: SchedulerContext, tries: Sequence[FailedTry]) -> None:
    decisions = [_decide(context, failed) for failed in tries]
    rows = [_row(context, *item) for item in zip(tries, decisions, strict=True)]
    touched = {failed.active.run.id for failed in tries}
    try:
        with context.store.begin() as connection:
            expect_rows(scheduling.end_tries(connection, rows), len(rows), touched)
            request_ids = [
                callbacks.ask(
                    connection,
                    failed.active.run.id,
                    name,
                    failed.cause,
                    now_us=context.clock.now_us(),
                    instance_id=failed.active.instance.id,
                )
                for failed, decision in zip(tries, decisions, strict=True)
                if (name := _callback(context, failed, decision)) is not None
            ]
    except StaleRows as error:
        context.memory.doubt(error.run_ids)
        return
    context.callbacks.add(request_ids)
    for failed, row in zip(tries, rows, strict=True):
        instance = failed.active.instance
        instance.state, instance.next_at_us = row["to_state"], row["next_at_us"]
        run_log.try_ended(context, failed.active.run, instance, failed.cause)
        _done(context, failed.active)


def _decide(context: SchedulerContext, failed: FailedTry) -> RetryDecision | None:
    """Return what follows for the task; None where it was cleared and begins anew."""
    active = failed.active
    if failed.state is not None:
        return RetryDecision(TaskInstanceState(failed.state))
    instance, run = active.instance, active.run
    if instance.state == TaskInstanceState.RESTARTING:
        return None
    task = context.task_of(run, instance)
    if task is None:
        return RetryDecision(TaskInstanceState.FAILED)
    return after_failure(
        task,
        key=context.task_instance_of(run, instance).key,
        logical_us=run.logical_us,
        max_tries=instance.max_tries,
        force_fail=False,
        max_delay_s=context.settings.max_retry_delay_s,
    )


def _row(
    context: SchedulerContext, failed: FailedTry, decision: RetryDecision | None
) -> dict[str, Any]:
    row = context.change(failed.active.instance, failed.cause)
    next_at_us = None
    if decision is not None and decision.state == TaskInstanceState.UP_FOR_RETRY:
        next_at_us = row["now_us"] + seconds_us(decision.delay_s)
    state = decision.state if decision is not None else None
    return {**row, "was_attempt": failed.active.token, "to_state": state, "next_at_us": next_at_us}


def _callback(
    context: SchedulerContext, failed: FailedTry, decision: RetryDecision | None
) -> str | None:
    name = _CALLBACKS.get(decision.state) if decision is not None else None
    task = context.task_of(failed.active.run, failed.active.instance)
    if name is None or task is None or not any(kind.startswith(name) for kind in task.callbacks):
        return None
    return name


def _done(context: SchedulerContext, active: ActiveAttempt) -> None:
    context.memory.forget_attempt(active.token)
    run = context.memory.find_run(active.run.id)
    if run is not None:
        context.memory.note_change(run, active.instance)
