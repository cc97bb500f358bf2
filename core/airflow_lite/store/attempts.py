"""What task hosts read and write, a batch of attempts at a time: claims, outcomes, heartbeats."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store import xcoms
from airflow_lite.store.batches import in_order, is_one_of, run_many, select_many, upsert_many
from airflow_lite.store.schema import (
    attempt,
    callback_request,
    rendered_fields,
    supervisor,
    task_instance,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

#: In an attempt's cause, where its log is incomplete: followed by ": " and the reason.
LOG_CUT = "its log is cut"


class Claim(NamedTuple):
    """One attempt to claim."""

    instance_id: int
    token: str
    try_number: int
    queued_us: int
    clears_xcom: bool = False  # first claim of a new try: what an older try left goes
    xcom_of: tuple[int, str, int] | None = None  # (dag run row, task id, map index)


class Returned(NamedTuple):
    """A claimed attempt whose code did not begin, since the machine has nothing left for it."""

    instance_id: int
    token: str
    try_started_us: int | None  # as before the claim
    cause: str


class Started(NamedTuple):
    """Which process runs an attempt, so that another host or scheduler can find it."""

    token: str
    instance_id: int
    pid: int
    process_start: int | None
    process_group: int


class Ended(NamedTuple):
    """The end of one attempt: the state its task instance gets, the cause, what it used."""

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


def register(connection: sa.Connection, owner: Supervisor, now_us: int) -> None:
    """Write the row of a new supervisor."""
    row = {**asdict(owner), "start_us": now_us, "latest_beat_us": now_us}
    connection.execute(supervisor.insert().values(row))


_BEAT = (
    supervisor.update()
    .where(supervisor.c.id == sa.bindparam("who"))
    .values(beat_count=supervisor.c.beat_count + 1, latest_beat_us=sa.bindparam("now"))
)


def beat(connection: sa.Connection, supervisor_id: str, now_us: int) -> None:
    """Record a heartbeat of a supervisor."""
    connection.execute(_BEAT, {"who": supervisor_id, "now": now_us})


def end_supervisor(connection: sa.Connection, supervisor_id: str, now_us: int, cause: str) -> None:
    """Record that a supervisor ended, or is proven dead; an end that is recorded already stays."""
    connection.execute(
        supervisor.update()
        .where(supervisor.c.id == supervisor_id, supervisor.c.end_us.is_(None))
        .values(end_us=now_us, end_cause=cause)
    )


class Watched(NamedTuple):
    """State and token in the row of a running attempt: they tell its host whether it may go on."""

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
    connection: sa.Connection, claims: Sequence[Claim], owner: Supervisor, now_us: int
) -> set[str]:
    """Make queued rows running, each under its token; return the tokens that `owner` holds now."""
    common = {"who": owner.id, "host": owner.hostname, "actor": _actor(owner), "now": now_us}
    rows = [{**common, "instance_id": claim.instance_id, "token": claim.token} for claim in claims]
    changed = run_many(connection, _CLAIM, in_order(rows, "instance_id"))
    mine = {claim.token for claim in claims}
    if changed != len(claims):
        mine = _claimed_tokens(connection, claims, owner)
    kept = [claim for claim in claims if claim.token in mine]
    if kept:
        _note_claims(connection, kept, owner, now_us)
        xcoms.clear(
            connection, [claim.xcom_of for claim in kept if claim.clears_xcom and claim.xcom_of]
        )
    return mine


def _actor(owner: Supervisor) -> str:
    return f"{owner.kind} {owner.hostname}:{owner.pid}"


def _claimed_tokens(
    connection: sa.Connection, claims: Sequence[Claim], owner: Supervisor
) -> set[str]:
    query = sa.select(task_instance.c.attempt).where(
        task_instance.c.id.in_([claim.instance_id for claim in claims]),
        task_instance.c.supervisor == owner.id,
        task_instance.c.state == "running",
    )
    return set(connection.execute(query).scalars()) & {claim.token for claim in claims}


def _note_claims(
    connection: sa.Connection, claims: Sequence[Claim], owner: Supervisor, now_us: int
) -> None:
    rows = [
        {
            "token": claim.token,
            "task_instance_id": claim.instance_id,
            "try_number": claim.try_number,
            "queued_us": claim.queued_us,
            "supervisor": owner.id,
            "hostname": owner.hostname,
            "boot_id": owner.boot_id,
            "claimed_us": now_us,
        }
        for claim in claims
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
    rows = in_order((process._asdict() for process in started), "instance_id")
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
        # Cleared while it ran: the scheduler queues it again, whatever the outcome of this attempt.
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
_REPORT = ("ended_us", "outcome", "cause", "exit_code", "max_rss_kb", "cpu_us")
_END_ATTEMPT = (
    attempt.update()
    .where(attempt.c.token == sa.bindparam("token"))
    .values({name: sa.bindparam(name) for name in _REPORT})
    # What was accepted stays so, where this is written again as nobody answered the first COMMIT.
    .values(accepted=sa.or_(attempt.c.accepted, sa.bindparam("accepted", type_=sa.Boolean)))
)


def end(connection: sa.Connection, reports: Sequence[Ended], owner: Supervisor) -> set[str]:
    """Write the ends of attempts; return the tokens whose outcome was accepted.

    Accepted is what ends a row that is still running under that token; a row cleared meanwhile
    (`restarting`) gets no state, one that a user marked stays. All are noted in `attempt`.
    """
    actor = _actor(owner)
    rows = in_order(({**report._asdict(), "actor": actor} for report in reports), "instance_id")
    changed = run_many(connection, _END, rows)
    accepted = {report.token for report in reports}
    if changed != len(reports):
        accepted = _accepted_tokens(connection, reports, owner)
    run_many(
        connection, _END_ATTEMPT, [{**row, "accepted": row["token"] in accepted} for row in rows]
    )
    for report in reports:
        if report.callback is not None:
            _request_callback(connection, report)
    return accepted


def _request_callback(connection: sa.Connection, report: Ended) -> None:
    """Request the callback of an ended attempt, if its row has the state that was reported.

    Once, though the COMMIT of the first time was not answered.
    """
    payload = json.dumps({"callback": report.callback, "reason": report.cause or ""})
    row = sa.select(
        sa.literal("task"),
        task_instance.c.dag_run_id,
        task_instance.c.id,
        sa.literal(payload),
        sa.literal(report.ended_us, sa.BigInteger),
    ).where(
        task_instance.c.id == report.instance_id,
        task_instance.c.attempt == report.token,
        task_instance.c.state == report.state,
        ~sa.exists().where(
            callback_request.c.dag_run_id == task_instance.c.dag_run_id,  # which has an index
            callback_request.c.task_instance_id == report.instance_id,
            callback_request.c.payload == payload,
            callback_request.c.created_us == report.ended_us,
        ),
    )
    names = ["kind", "dag_run_id", "task_instance_id", "payload", "created_us"]
    connection.execute(callback_request.insert().from_select(names, row))


def _accepted_tokens(
    connection: sa.Connection, reports: Sequence[Ended], owner: Supervisor
) -> set[str]:
    by_id = {report.instance_id: report for report in reports}
    query = sa.select(task_instance.c.id, task_instance.c.attempt).where(
        task_instance.c.id.in_(list(by_id)),
        task_instance.c.changed_by == _actor(owner),
        task_instance.c.end_us == task_instance.c.changed_at_us,
    )
    return {token for row_id, token in connection.execute(query) if token == by_id[row_id].token}


_RETURN = (
    task_instance.update()
    .where(
        task_instance.c.id == sa.bindparam("instance_id"),
        task_instance.c.attempt == sa.bindparam("token"),
        task_instance.c.supervisor == sa.bindparam("who"),
        sa.or_(task_instance.c.state == "running", _restarting),
    )
    .values(
        state=sa.case((_restarting, None), else_="queued"),
        supervisor=None,
        hostname=None,
        start_us=None,
        try_started_us=sa.bindparam("started_us", type_=task_instance.c.try_started_us.type),
        changed_by=sa.bindparam("actor"),
        change_cause=sa.bindparam("cause"),
        changed_at_us=sa.bindparam("now"),
    )
)
_RETURN_ATTEMPT = (
    attempt.update()
    .where(attempt.c.token == sa.bindparam("token"), attempt.c.supervisor == sa.bindparam("who"))
    .values(supervisor=None, hostname=None, boot_id=None, claimed_us=None)
)


def give_back(
    connection: sa.Connection, returned: Sequence[Returned], owner: Supervisor, now_us: int
) -> None:
    """Make claimed rows queued again under their tokens; those that were cleared get no state."""
    common = {"who": owner.id, "actor": _actor(owner), "now": now_us}
    rows = [
        {
            **common,
            "instance_id": attempt.instance_id,
            "token": attempt.token,
            "started_us": attempt.try_started_us,
            "cause": attempt.cause,
        }
        for attempt in returned
    ]
    run_many(connection, _RETURN, in_order(rows, "instance_id"))
    run_many(connection, _RETURN_ATTEMPT, rows)


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
