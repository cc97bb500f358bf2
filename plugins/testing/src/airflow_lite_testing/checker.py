"""The rules that every history must keep, whatever died: checked on the store's own rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_lite.states import DagRunState, TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import sqlalchemy as sa

    from airflow_lite.store.engine import Store

#: From each state, the states that a change may lead to without a user.
_MOVES: dict[str | None, frozenset[str | None]] = {
    None: frozenset({"queued", "scheduled", "success", "skipped", "upstream_failed", "removed"}),
    "scheduled": frozenset({"queued", "skipped", "upstream_failed", "removed", "success"}),
    "queued": frozenset(
        {"running", "scheduled", "failed", "up_for_retry", "skipped", "removed", "queued"}
    ),
    "running": frozenset(
        {"success", "failed", "skipped", "up_for_retry", "up_for_reschedule", "deferred", "removed"}
    ),
    "restarting": frozenset({None, "failed", "skipped"}),
    "up_for_retry": frozenset({"queued", "skipped", "upstream_failed", "removed", "scheduled"}),
    "up_for_reschedule": frozenset(
        {"queued", "skipped", "upstream_failed", "removed", "scheduled", "success"}
    ),
    "deferred": frozenset({"scheduled", "success", "failed", "skipped", "removed"}),
    "removed": frozenset({None}),
}
#: After one of these ends of an attempt a further one of the same try may follow.
_GOES_ON = frozenset({TaskInstanceState.UP_FOR_RESCHEDULE, TaskInstanceState.DEFERRED})


@dataclass(frozen=True)
class Finding:
    """A rule that does not hold: its name, and what breaks it."""

    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"


def check(store: Store, *, all_ended: bool = True) -> list[Finding]:
    """Return what does not hold in a store; with `all_ended`, every run must be over.

    The rules: a state changes only along the graph of states; an attempt is claimed at most once;
    at most one outcome of an attempt is accepted; within a try there is a further attempt only
    after a reschedule or a deferral, or where the one before was never claimed; tries do not exceed
    their limit; an attempt that was lost says why.
    """
    with store.read() as connection:
        return list(_check(connection, all_ended=all_ended))


def _check(connection: sa.Connection, *, all_ended: bool) -> Iterator[Finding]:
    from sqlalchemy import select

    from airflow_lite.store import schema
    from airflow_lite.store.notes import EXECUTOR

    events = connection.execute(select(schema.task_event).order_by(schema.task_event.c.id)).all()
    attempts = connection.execute(
        select(schema.attempt).order_by(schema.attempt.c.queued_us, schema.attempt.c.token)
    ).all()
    instances = {row.id: row for row in connection.execute(select(schema.task_instance))}
    changes = [event for event in events if event.actor != EXECUTOR]  # others are notes
    by_instance = _grouped(changes, "task_instance_id")
    for instance_id, history in by_instance.items():
        yield from _check_moves(history, _name(instances.get(instance_id), instance_id))
    for instance_id, tried in _grouped(attempts, "task_instance_id").items():
        row = instances.get(instance_id)
        history = by_instance.get(instance_id, [])
        yield from _check_attempts(tried, history, row, _name(row, instance_id))
    if all_ended:
        yield from _check_ended(connection, instances.values())


def _grouped(rows: Iterable[Any], column: str) -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, column)].append(row)
    return groups


def _name(row: Any, instance_id: int) -> str:
    return f"instance {instance_id}" if row is None else f"{row.task_id} ({instance_id})"


def _check_moves(history: list[Any], name: str) -> Iterator[Finding]:
    for event in history:
        if event.actor == "user" or event.from_state == event.to_state:
            continue
        if event.to_state not in _MOVES.get(event.from_state, frozenset()):
            yield Finding(
                "states move along their graph",
                f"{name}: {event.from_state} -> {event.to_state} by {event.actor}",
            )
    for before, after in pairwise(history):
        if before.to_state != after.from_state:
            yield Finding(
                "the history has no gaps", f"{name}: {before.to_state}, then {after.from_state}"
            )


def _check_attempts(
    attempts: list[Any], history: list[Any], row: Any, name: str
) -> Iterator[Finding]:
    claims: dict[str, int] = defaultdict(int)
    ends: dict[str, int] = defaultdict(int)
    for event in history:
        claims[event.attempt] += event.to_state == "running"
        ends[event.attempt] += event.from_state == "running" and event.actor != "user"
    for token, count in claims.items():
        if count > 1:
            yield Finding("an attempt starts at most once", f"{name}: {token} {count} times")
    for token, count in ends.items():
        if count > 1:
            yield Finding("at most one outcome is accepted", f"{name}: {token} {count} times")
    places = {event.attempt: place for place, event in reversed(list(enumerate(history)))}
    in_order = sorted(attempts, key=lambda attempt: places.get(attempt.token, -1))
    yield from _check_tries(in_order, history, name)
    if row is not None and row.try_number > row.max_tries + 1:
        yield Finding("tries have a limit", f"{name}: {row.try_number} of {row.max_tries + 1}")


def _check_tries(attempts: list[Any], history: list[Any], name: str) -> Iterator[Finding]:
    went_on = {event.attempt for event in history if event.to_state in _GOES_ON}
    for before, after in pairwise(attempts):
        if before.try_number != after.try_number:
            continue
        if before.claimed_us is not None and before.token not in went_on:
            yield Finding(
                "a try that was claimed has no second attempt",
                f"{name}: try {before.try_number}, {before.token} then {after.token}",
            )
    for attempt in attempts:
        if attempt.ended_us is not None and attempt.outcome == "failed" and not attempt.cause:
            yield Finding("a failure has a cause", f"{name}: {attempt.token}")


def _check_ended(connection: sa.Connection, instances: Iterable[Any]) -> Iterator[Finding]:
    from sqlalchemy import select

    from airflow_lite.store import schema

    over = {DagRunState.SUCCESS, DagRunState.FAILED}
    for run in connection.execute(select(schema.dag_run)):
        if run.state not in over:
            yield Finding("every run ends", f"run {run.run_id} of {run.dag_id} is {run.state}")
    for row in instances:
        if row.state in {"queued", "running", "restarting", "scheduled"}:
            yield Finding("nothing is left behind", f"{row.task_id} is {row.state}")
