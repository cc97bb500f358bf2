"""What task hosts read and write: claims, outcomes, beats. Always for a batch of attempts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store import xcoms
from airflow_lite.store.batches import is_one_of, run_many, select_many, upsert_many
from airflow_lite.store.schema import (
    attempt,
    callback_request,
    rendered_fields,
    supervisor,
    task_instance,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

#: In an attempt's cause, where its log could not tell: followed by ": " and the reason.
LOG_CUT = "its log is cut"


class Claim(NamedTuple):
    """One attempt to claim."""

    instance_id: int
    token: str
    try_number: int
    queued_us: int
    clears_xcom: bool = False  # first claim of a new try: what an older try left goes
    xcom_of: tuple[int, str, int] | None = None  # (dag run row, task id, map index)


class Started(NamedTuple):
    """Which process runs an attempt, so that another host or scheduler can find it."""

    token: str
    instance_id: int
    pid: int
    process_start: int | None
    process_group: int


class Ended(NamedTuple):
    """The end of one attempt: the state its task instance gets, and what is known of it."""

    instance_id: int
    token: str
    state: str | None
    outcome: str
    cause: str | None
    ended_us: int
    next_at_us: int | None = None
    skip_decision: str | None = None  # JSON
    exit_code: int | None = None
    max_rss_kb: int | None = None
    cpu_us: int | None = None
    callback: str | None = None  # the child cannot call it any more: on_failure or on_retry


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Who claims: one task host, or one foreground or in-process run."""

    id: str
    kind: str
    hostname: str
    boot_id: str
    pid: int
    process_start: int | None
    job_id: int | None = None


def register(connection: sa.Connection, who: Supervisor, now_us: int) -> None:
    """Write the row of a new supervisor."""
    row = {**asdict(who), "start_us": now_us, "latest_beat_us": now_us}
    connection.execute(supervisor.insert().values(row))


_BEAT = (
    supervisor.update()
    .where(supervisor.c.id == sa.bindparam("who"))
    .values(beat_count=supervisor.c.beat_count + 1, latest_beat_us=sa.bindparam("now"))
)


def beat(connection: sa.Connection, supervisor_id: str, now_us: int) -> None:
    """Say that a supervisor lives."""
    connection.execute(_BEAT, {"who": supervisor_id, "now": now_us})


def end_supervisor(connection: sa.Connection, supervisor_id: str, now_us: int, cause: str) -> None:
    """Write that a supervisor said goodbye, or that its death is proven. The first word stays."""
    connection.execute(
        supervisor.update()
        .where(supervisor.c.id == supervisor_id, supervisor.c.end_us.is_(None))
        .values(end_us=now_us, end_cause=cause)
    )


class Watched(NamedTuple):
    """What a host asks of the rows of its attempts: whether they may go on."""

    id: int
    state: str | None
    attempt: str | None


_WATCH = sa.select(task_instance.c.id, task_instance.c.state, task_instance.c.attempt).where(
    is_one_of(task_instance.c.id)
)


def watch(connection: sa.Connection, instance_ids: Sequence[int]) -> list[Watched]:
    """Return state and token of these rows; a deleted one is missing."""
    return [Watched(*row) for row in select_many(connection, _WATCH, instance_ids)]


_CLAIM = (
    task_instance.update()
    .where(
        task_instance.c.id == sa.bindparam("instance_id"),
        task_instance.c.state == "queued",
        task_instance.c.attempt == sa.bindparam("token"),
    )
    .values(
        state="running",
        supervisor=sa.bindparam("who"),
        hostname=sa.bindparam("host"),
        pid=None,
        start_us=sa.bindparam("now"),
        end_us=None,
        next_at_us=None,
        skip_decision=None,
        try_started_us=sa.func.coalesce(task_instance.c.try_started_us, sa.bindparam("now")),
        changed_by=sa.bindparam("actor"),
        change_cause="claimed",
        changed_at_us=sa.bindparam("now"),
    )
)


def claim(
    connection: sa.Connection, claims: Sequence[Claim], who: Supervisor, now_us: int
) -> set[str]:
    """Make queued rows running, each under its token; return the tokens that are now `who`'s."""
    given = {"who": who.id, "host": who.hostname, "actor": _actor(who), "now": now_us}
    rows = [{**given, "instance_id": one.instance_id, "token": one.token} for one in claims]
    changed = run_many(connection, _CLAIM, rows)
    mine = {one.token for one in claims}
    if changed != len(claims):
        mine = _claimed(connection, claims, who)
    kept = [one for one in claims if one.token in mine]
    if kept:
        _note_claims(connection, kept, who, now_us)
        xcoms.clear(connection, [one.xcom_of for one in kept if one.clears_xcom and one.xcom_of])
    return mine


def _actor(who: Supervisor) -> str:
    return f"{who.kind} {who.hostname}:{who.pid}"


def _claimed(connection: sa.Connection, claims: Sequence[Claim], who: Supervisor) -> set[str]:
    query = sa.select(task_instance.c.attempt).where(
        task_instance.c.id.in_([one.instance_id for one in claims]),
        task_instance.c.supervisor == who.id,
        task_instance.c.state == "running",
    )
    return set(connection.execute(query).scalars()) & {one.token for one in claims}


def _note_claims(
    connection: sa.Connection, claims: Sequence[Claim], who: Supervisor, now_us: int
) -> None:
    rows = [
        {
            "token": one.token,
            "task_instance_id": one.instance_id,
            "try_number": one.try_number,
            "queued_us": one.queued_us,
            "supervisor": who.id,
            "hostname": who.hostname,
            "boot_id": who.boot_id,
            "claimed_us": now_us,
        }
        for one in claims
    ]
    changed = ("supervisor", "hostname", "boot_id", "claimed_us")
    upsert_many(connection, attempt, rows, changed=changed)


_STARTED = (
    attempt.update()
    .where(attempt.c.token == sa.bindparam("token"))
    .values({name: sa.bindparam(name) for name in ("pid", "process_start", "process_group")})
)
_STARTED_INSTANCE = (
    task_instance.update()
    .where(
        task_instance.c.id == sa.bindparam("instance_id"),
        task_instance.c.attempt == sa.bindparam("token"),
    )
    .values(pid=sa.bindparam("pid"))
)


def note_started(connection: sa.Connection, started: Sequence[Started]) -> None:
    """Write which processes run these attempts."""
    rows = [one._asdict() for one in started]
    run_many(connection, _STARTED, rows)
    run_many(connection, _STARTED_INSTANCE, rows)


_restarting = task_instance.c.state == "restarting"
_END = (
    task_instance.update()
    .where(
        task_instance.c.id == sa.bindparam("instance_id"),
        task_instance.c.attempt == sa.bindparam("token"),
        sa.or_(task_instance.c.state == "running", _restarting),  # IN cannot be executemany
    )
    .values(
        # Cleared while it ran: the scheduler queues it anew, whatever came of this attempt.
        {
            name: sa.case(
                (_restarting, None), else_=sa.bindparam(name, type_=task_instance.c[name].type)
            )
            for name in ("state", "next_at_us", "skip_decision")
        }
    )
    .values(
        end_us=sa.bindparam("ended_us"),
        changed_by=sa.bindparam("actor"),
        change_cause=sa.bindparam("cause"),
        changed_at_us=sa.bindparam("ended_us"),
    )
)
_REPORT = ("ended_us", "outcome", "accepted", "cause", "exit_code", "max_rss_kb", "cpu_us")
_END_ATTEMPT = (
    attempt.update()
    .where(attempt.c.token == sa.bindparam("token"))
    .values({name: sa.bindparam(name) for name in _REPORT})
)


def end(connection: sa.Connection, ended: Sequence[Ended], who: Supervisor) -> set[str]:
    """Write the ends of attempts; return the tokens whose outcome was accepted.

    Accepted is what ends a row that is still running under that token; a row cleared meanwhile
    (`restarting`) gets no state, one that a user marked stays. All are noted in `attempt`.
    """
    actor = _actor(who)
    rows = [{**one._asdict(), "actor": actor} for one in ended]
    changed = run_many(connection, _END, rows)
    accepted = {one.token for one in ended}
    if changed != len(ended):
        accepted = _accepted(connection, ended, who)
    run_many(
        connection, _END_ATTEMPT, [{**row, "accepted": row["token"] in accepted} for row in rows]
    )
    for one in ended:
        if one.callback is not None:
            _ask_callback(connection, one)
    return accepted


def _ask_callback(connection: sa.Connection, one: Ended) -> None:
    """Ask for the callback of an end, if that end is what the row tells."""
    payload = json.dumps({"callback": one.callback, "reason": one.cause or ""})
    row = sa.select(
        sa.literal("task"),
        task_instance.c.dag_run_id,
        task_instance.c.id,
        sa.literal(payload),
        sa.literal(one.ended_us, sa.BigInteger),
    ).where(
        task_instance.c.id == one.instance_id,
        task_instance.c.attempt == one.token,
        task_instance.c.state == one.state,
    )
    names = ["kind", "dag_run_id", "task_instance_id", "payload", "created_us"]
    connection.execute(callback_request.insert().from_select(names, row))


def _accepted(connection: sa.Connection, ended: Sequence[Ended], who: Supervisor) -> set[str]:
    by_id = {one.instance_id: one for one in ended}
    query = sa.select(task_instance.c.id, task_instance.c.attempt).where(
        task_instance.c.id.in_(list(by_id)),
        task_instance.c.changed_by == _actor(who),
        task_instance.c.end_us == task_instance.c.changed_at_us,
    )
    return {token for row_id, token in connection.execute(query) if token == by_id[row_id].token}


def save_rendered(connection: sa.Connection, fields: dict[int, str]) -> None:
    """Save the rendered fields (JSON) of task instances by row id."""
    rows = [{"task_instance_id": row_id, "fields": text} for row_id, text in fields.items()]
    upsert_many(connection, rendered_fields, rows, changed=("fields",))


def rendered(connection: sa.Connection, instance_id: int) -> dict[str, Any] | None:
    """Return the rendered fields that an attempt saved; None if none did."""
    text = connection.execute(
        sa.select(rendered_fields.c.fields).where(rendered_fields.c.task_instance_id == instance_id)
    ).scalar()
    return None if text is None else json.loads(text)
