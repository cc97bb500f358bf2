"""What whoever has the store does for triggers: their orders and their ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_lite.store import deferrals, doorbell
from airflow_lite.store.faults import cause_of, is_of_rows
from airflow_lite.text import is_storable
from airflow_lite.triggerer.messages import StartTrigger, TaskEnded, TriggerFailed, TriggerFired

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_lite.store.engine import Store
    from airflow_lite.store.runs import Row
    from airflow_lite.triggerer.messages import RunnerReport


#: The states that a trigger may end its task in, and the length of an XCom's column.
_ENDS = frozenset({"success", "failed", "skipped"})
_LONGEST_KEY = 512


def start_orders(rows: Iterable[Row]) -> list[StartTrigger]:
    """Return the orders that run what these deferred instances wait for."""
    return [
        StartTrigger(
            row.id,
            row.attempt or "",
            row.trigger_spec or "{}",
            (row.dag_id, row.task_id, row.run_id, row.try_number, row.map_index),
        )
        for row in rows
    ]


def write_reports(
    store: Store,
    reports: Sequence[RunnerReport],
    actor: str,
    now_us: int,
    *,
    rings: bool = False,
) -> None:
    """Let task instances go on as their triggers told; those that others let go on are left.

    What makes no sense, or what the database refuses, is a failure of its trigger. With `rings`,
    schedulers are told.
    """
    sound = [_checked(report) for report in reports]
    try:
        _write(store, sound, actor, now_us, rings=rings)
    except Exception as error:
        if not is_of_rows(error):
            raise
        for report in sound:
            _write_apart(store, report, actor, now_us, rings=rings)


def _write_apart(
    store: Store, report: RunnerReport, actor: str, now_us: int, *, rings: bool
) -> None:
    try:
        _write(store, [report], actor, now_us, rings=rings)
    except Exception as error:
        if not is_of_rows(error):
            raise
        failed = _refused(report, f"the database refuses it: {cause_of(error)}")
        _write(store, [failed], actor, now_us, rings=rings)


def _write(
    store: Store, reports: Sequence[RunnerReport], actor: str, now_us: int, *, rings: bool
) -> None:
    payloads: dict[Any, str] = {}
    tracebacks: dict[Any, list[str]] = {}
    with store.begin() as connection:
        for report in reports:
            key = (report.row, report.token)
            match report:
                case TriggerFired(payload=payload):
                    payloads[key] = payload
                case TriggerFailed(traceback=lines):
                    tracebacks[key] = lines
                case TaskEnded(state=state, xcoms=xcoms):
                    deferrals.end(connection, key, state, xcoms, actor, now_us)
        deferrals.resume(connection, payloads, actor, now_us)
        deferrals.fail(connection, tracebacks, actor, now_us)
        if rings:
            doorbell.ring(connection, instances=[report.row for report in reports])


def _checked(report: RunnerReport) -> RunnerReport:
    """Return a report, or a failure where it makes no sense: user code may have sent it."""
    match report:
        case TriggerFired(payload=payload):
            is_sound = _is_json(payload)
        case TaskEnded(state=state, xcoms=xcoms):
            is_sound = state in _ENDS and all(map(_is_xcom, xcoms, xcoms.values()))
        case _:
            is_sound = True
    return report if is_sound else _refused(report, "it makes no sense")


def _refused(report: RunnerReport, reason: str) -> TriggerFailed:
    return TriggerFailed(
        report.row, report.token, [f"What the trigger told is not kept: {reason}."]
    )


def _is_xcom(key: str, value: object) -> bool:
    return 0 < len(key) <= _LONGEST_KEY and is_storable(key) and _is_json(value)


def _is_json(text: object) -> bool:
    try:
        json.loads(text)  # type: ignore[arg-type]
    except (ValueError, TypeError, RecursionError):
        return False
    return is_storable(str(text))
