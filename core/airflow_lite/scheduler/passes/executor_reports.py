"""What executors and doorbells tell: reasons to look at rows. The row is the truth."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_lite.api.executor.events import (
    UNENDED,
    Adopted,
    CallbackRequest,
    Event,
    Failure,
    Lost,
    Refused,
    Revoked,
    TaskEventLog,
)
from airflow_lite.scheduler.passes.failed_attempts import FailedTry, end_tries, requeue
from airflow_lite.scheduler.state import notify_plugins, run_log
from airflow_lite.scheduler.state.reports import AskedCallback
from airflow_lite.scheduler.state.rows import update_instance
from airflow_lite.states import ACTIVE, TaskInstanceState
from airflow_lite.store import callbacks, notes, scheduling
from airflow_lite.text import storable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite.api.executor.events import Report
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.scheduler.state.memory import ActiveAttempt

logger = logging.getLogger(__name__)

_FAILED_TRY = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UP_FOR_RETRY})


class ExecutorDidNotStart(Exception):
    """The executor's `start` failed, so that nothing could ever run."""


def take_reports(context: SchedulerContext) -> None:
    """Take what the executor reported: look at the rows it names, and act where it must.

    What a pass that failed has not done is done now.
    """
    for report in context.runner.drain():
        _sort(context, report)
    reports = context.reports
    if not reports.are_any:
        return
    while reports.adoptions:
        _take_adoption(context, *reports.adoptions[0])
        reports.adoptions.pop(0)
    while reports.callbacks:
        _ask_callback(context, reports.callbacks[0])
        reports.callbacks.pop(0)
    if reports.notes:
        with context.store.begin() as connection:
            notes.add(connection, reports.notes)
        reports.notes.clear()
    if reports.external:
        _store_external_ids(context, reports.external)
        reports.external.clear()
    # What was taken back by a later report of the same batch is forgotten already.
    memory = context.memory
    ended = {token: event for token, event in reports.ended.items() if memory.find_attempt(token)}
    if ended:
        reread_instances(context, [memory.attempt(token).instance.id for token in ended])
        _settle_ended(context, ended)
    reports.ended.clear()


def _sort(context: SchedulerContext, report: Report) -> None:
    reports = context.reports
    match report:
        case Event(key, state, info):
            if _find(context, key) is None:
                logger.debug("late event of %s: %s", key, state)
            elif state not in UNENDED:
                reports.ended[key.attempt] = report
            else:
                if state == TaskInstanceState.RUNNING:
                    notify_plugins.task_running(context, key)
                if info is not None:
                    reports.external[key.attempt] = str(info)
        case Adopted():
            reports.adoptions.append(report)
        case Revoked(key):
            _take_revocation(context, key)
        case Failure("start", error):
            raise ExecutorDidNotStart(f"{type(error).__name__}: {error}") from error
        case CallbackRequest():
            reports.callbacks.append(AskedCallback(report, context.clock.now_us()))
        case TaskEventLog(event, key, extra):
            logger.warning("%s: %s: %s", ".".join(map(str, key[:5])), event, extra)
            text = storable(f"{event}: {extra}")
            now_us = context.clock.now_us()
            reports.notes.append({"token": key.attempt, "text": text, "now_us": now_us})


def _find(context: SchedulerContext, key: TaskInstanceKey) -> ActiveAttempt | None:
    return context.memory.find_attempt(key.attempt)


def _ask_callback(context: SchedulerContext, asked: AskedCallback) -> None:
    request, asked_us = asked
    active = _find(context, request.key)
    if active is None:
        logger.warning(
            "the executor asked for a callback of %s, which is not active; it is not called",
            request.key,
        )
        return
    with context.store.begin() as connection:
        request_id = callbacks.ask_once(
            connection,
            active.run.id,
            request.callback,
            request.reason,
            now_us=asked_us,
            instance_id=active.instance.id,
        )
    context.callbacks.add([request_id])


def _take_revocation(context: SchedulerContext, key: TaskInstanceKey) -> None:
    active = _find(context, key)
    if active is None:
        return
    if active.is_live:
        active.is_unmanaged = True  # its host has yet to stop it: looked at until that is written
    else:
        context.memory.forget_attempt(key.attempt)


def _store_external_ids(context: SchedulerContext, external: dict[str, str]) -> None:
    rows = []
    for token, name in external.items():
        active = context.memory.find_attempt(token)
        if active is not None and scheduling.is_external_id(name):
            active.external_id = name
            rows.append({"row": active.instance.id, "token": token, "external": name})
        elif active is not None:
            logger.warning("the executor's name of %s is not kept: %.300r", active.token, name)
    with context.store.begin() as connection:
        scheduling.set_external_ids(connection, rows)


def reread_instances(context: SchedulerContext, instance_ids: Iterable[int]) -> None:
    """Read these rows, in one SELECT, and let `advance` know what has changed in them."""
    row_ids = [row_id for row_id in instance_ids if context.memory.has_instance(row_id)]
    if not row_ids:
        return
    with context.store.read_one() as connection:
        rows = scheduling.instances_by_id(connection, row_ids)
    _take_callbacks(context, [row.id for row in rows if row.state in _FAILED_TRY])
    for row in rows:
        _take_row(context, row)
    missing = set(row_ids) - {row.id for row in rows}
    context.memory.doubt(context.memory.instance(row_id)[0].id for row_id in missing)


def _take_callbacks(context: SchedulerContext, failed: list[int]) -> None:
    """Have called what children that vanished cannot call any more: their host asks for it."""
    if failed:
        with context.store.read_one() as connection:
            request_ids = callbacks.open_of(connection, failed)
        context.callbacks.add(request_ids)


def _take_row(context: SchedulerContext, row: Any) -> None:
    run, instance = context.memory.instance(row.id)
    if (instance.state, instance.attempt) == (row.state, row.attempt):
        instance.supervisor = row.supervisor
        return
    try:
        update_instance(instance, row)
    except ValueError:  # it is left out when its run is loaded
        context.memory.doubt([run.id])
        return
    run.ready.discard(instance.key)
    context.memory.note_change(run, instance)
    if instance.state in ACTIVE:
        context.memory.activate(run, instance, is_unmanaged=True)
    elif instance.state != TaskInstanceState.SCHEDULED:  # so it is after it was deferred
        took_us = row.end_us - row.start_us if row.start_us and row.end_us else None
        notify_plugins.task_finished(context, run, instance, took_us)
        run_log.try_ended(context, run, instance, instance.change_cause)


def _settle_ended(context: SchedulerContext, ended: dict[str, Event]) -> None:
    """Act on attempts that the executor is done with, by what their rows say."""
    unclaimed: list[ActiveAttempt] = []
    failed: list[FailedTry] = []
    for token, event in ended.items():
        active = context.memory.attempt(token)
        instance = active.instance
        if not active.is_live:
            context.memory.forget_attempt(token)
        elif instance.state == TaskInstanceState.QUEUED:
            if isinstance(event.info, Refused):
                cause = storable(f"refused by the executor: {event.info}")
                failed.append(FailedTry(active, cause, event.info.state))
            else:
                unclaimed.append(active)
        elif isinstance(event.info, Lost) and event.info.is_proven:
            failed.append(FailedTry(active, storable(f"lost: {event.info}")))
        else:
            # Running or restarting: whoever claimed it may live. `watch` looks at its beats.
            active.is_unmanaged = True
            active.end_reason = str(event.info) if isinstance(event.info, Lost) else None
            context.timers.after("watch", 0.0)
    reasons = {token: _reason(event) for token, event in ended.items()}
    if unclaimed:
        requeue(context, unclaimed, reasons, is_counted=not context.is_stopping)
    if failed:
        end_tries(context, failed)


def _reason(event: Event) -> str:
    info = f": {event.info}" if event.info is not None else ""
    return storable(f"never claimed, the executor said {event.state}{info}")


def _take_adoption(
    context: SchedulerContext, adopted: list[TaskInstanceKey], returned: list[TaskInstanceKey]
) -> None:
    for key in adopted:
        if (active := _find(context, key)) is not None:
            active.is_unmanaged = False
    not_adopted = [active for key in returned if (active := _find(context, key)) is not None]
    reread_instances(context, [active.instance.id for active in not_adopted])
    unclaimed = [active for active in not_adopted if active.is_queued]
    reasons = {active.token: "the scheduler was replaced" for active in unclaimed}
    requeue(context, unclaimed, reasons, is_counted=False)
