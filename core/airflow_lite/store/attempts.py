"""What task hosts read and write: claims, outcomes, beats. Always for a batch of attempts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store import xcoms
from airflow_lite.store.many import run_many, upsert_many
from airflow_lite.store.schema import (
    attempt,
    dag,
    dag_run,
    rendered_fields,
    supervisor,
    task_instance,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_lite.keys import TaskInstanceKey

#: Keys that one look-up takes: it probes runs x tasks, which a small batch keeps cheap.
_FIND_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A DAG run as the code of its tasks sees it."""

    id: int
    dag_id: str
    run_id: str
    run_type: str
    state: str
    logical_us: int
    interval_start_us: int
    interval_end_us: int
    queued_us: int
    start_us: int | None
    end_us: int | None
    external_trigger: bool
    conf: dict[str, Any]
    clear_number: int

    def fields(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Queued:
    """A task instance as its row was just before a claim."""

    id: int
    state: str | None
    attempt: str | None
    try_number: int
    max_tries: int
    try_started_us: int | None
    queued_us: int | None
    operator: str | None
    pool: str
    pool_slots: int
    queue: str
    priority_weight: int
    version_id: int | None
    fileloc: str
    run: RunInfo


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
    connection.execute(
        supervisor.insert().values(
            id=who.id,
            kind=who.kind,
            job_id=who.job_id,
            hostname=who.hostname,
            boot_id=who.boot_id,
            pid=who.pid,
            process_start=who.process_start,
            start_us=now_us,
            latest_beat_us=now_us,
        )
    )


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
    task_instance.c.id.in_(sa.bindparam("ids", expanding=True))
)


def watch(connection: sa.Connection, instance_ids: Sequence[int]) -> list[Watched]:
    """Return state and token of these rows; a deleted one is missing."""
    return [Watched(*row) for row in connection.execute(_WATCH, {"ids": list(instance_ids)})]


_FIND_RUNS = (
    sa.select(
        dag_run.c.id,
        dag_run.c.dag_id,
        dag_run.c.run_id,
        dag_run.c.run_type,
        dag_run.c.state,
        dag_run.c.logical_us,
        dag_run.c.interval_start_us,
        dag_run.c.interval_end_us,
        dag_run.c.queued_us,
        dag_run.c.start_us,
        dag_run.c.end_us,
        dag_run.c.external_trigger,
        dag_run.c.conf,
        dag_run.c.clear_number,
        sa.func.coalesce(dag.c.fileloc, "").label("fileloc"),
    )
    .select_from(dag_run.outerjoin(dag, dag.c.dag_id == dag_run.c.dag_id))
    .where(
        dag_run.c.dag_id.in_(sa.bindparam("dag_ids", expanding=True)),
        dag_run.c.run_id.in_(sa.bindparam("run_ids", expanding=True)),
    )
)
_FIND = sa.select(
    task_instance.c.dag_run_id,
    task_instance.c.task_id,
    task_instance.c.map_index,
    task_instance.c.id,
    task_instance.c.state,
    task_instance.c.attempt,
    task_instance.c.try_number,
    task_instance.c.max_tries,
    task_instance.c.try_started_us,
    task_instance.c.queued_us,
    task_instance.c.operator,
    task_instance.c.pool,
    task_instance.c.pool_slots,
    task_instance.c.queue,
    task_instance.c.priority_weight,
    task_instance.c.version_id,
).where(
    task_instance.c.dag_run_id.in_(sa.bindparam("runs", expanding=True)),
    task_instance.c.task_id.in_(sa.bindparam("tasks", expanding=True)),
)


def find(
    connection: sa.Connection, keys: Sequence[TaskInstanceKey]
) -> dict[tuple[str, str, str, int], Queued]:
    """Return the task instances of `keys` by their `primary`; what does not exist is missing."""
    found: dict[tuple[str, str, str, int], Queued] = {}
    for at in range(0, len(keys), _FIND_AT_ONCE):
        found.update(_find_some(connection, keys[at : at + _FIND_AT_ONCE]))
    return found


def _find_some(
    connection: sa.Connection, keys: Sequence[TaskInstanceKey]
) -> dict[tuple[str, str, str, int], Queued]:
    wanted = {key.primary for key in keys}
    pairs = {(key.dag_id, key.run_id) for key in keys}
    runs = _find_runs(connection, pairs)
    if not runs:
        return {}
    rows = connection.execute(
        _FIND, {"runs": list(runs), "tasks": list({key.task_id for key in keys})}
    )
    found = {}
    for run_row, task_id, map_index, *columns in rows:
        run, fileloc = runs[run_row]
        primary = (run.dag_id, task_id, run.run_id, map_index)
        if primary in wanted:
            found[primary] = Queued(*columns, fileloc, run)  # type: ignore[call-arg]
    return found


def _find_runs(
    connection: sa.Connection, pairs: Iterable[tuple[str, str]]
) -> dict[int, tuple[RunInfo, str]]:
    wanted = set(pairs)
    rows = connection.execute(
        _FIND_RUNS,
        {"dag_ids": list({pair[0] for pair in wanted}), "run_ids": [pair[1] for pair in wanted]},
    )
    return {
        row.id: (_run_info(row), row.fileloc) for row in rows if (row.dag_id, row.run_id) in wanted
    }


def _run_info(row: Any) -> RunInfo:
    values = list(row)[:-1]
    values[11], values[12] = bool(row.external_trigger), json.loads(row.conf or "{}")
    return RunInfo(*values)


def find_run(
    connection: sa.Connection, dag_id: str, run_id: str | None, logical_us: int | None
) -> RunInfo | None:
    """Return the run of a DAG with this id or this logical date; None if there is none."""
    same = dag_run.c.run_id == run_id if run_id is not None else dag_run.c.logical_us == logical_us
    query = (
        sa.select(*_FIND_RUNS.selected_columns)
        .select_from(dag_run.outerjoin(dag, dag.c.dag_id == dag_run.c.dag_id))
        .where(dag_run.c.dag_id == dag_id, same)
    )
    row = connection.execute(query).first()
    return None if row is None else _run_info(row)


def previous_run(
    connection: sa.Connection, dag_id: str, before_us: int, state: str | None
) -> RunInfo | None:
    """Return the newest run of a DAG whose logical date is before `before_us`, if in `state`."""
    query = sa.select(*_FIND_RUNS.selected_columns).select_from(
        dag_run.outerjoin(dag, dag.c.dag_id == dag_run.c.dag_id)
    )
    query = query.where(dag_run.c.dag_id == dag_id, dag_run.c.logical_us < before_us)
    if state is not None:
        query = query.where(dag_run.c.state == state)
    row = connection.execute(query.order_by(dag_run.c.logical_us.desc()).limit(1)).first()
    return None if row is None else _run_info(row)


_CLAIM = (
    task_instance.update()
    .where(
        task_instance.c.id == sa.bindparam("row_id"),
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
    rows = [
        {
            "row_id": one.instance_id,
            "token": one.token,
            "who": who.id,
            "host": who.hostname,
            "actor": _actor(who),
            "now": now_us,
        }
        for one in claims
    ]
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
    .where(attempt.c.token == sa.bindparam("of_token"))
    .values(
        pid=sa.bindparam("to_pid"),
        process_start=sa.bindparam("to_start"),
        process_group=sa.bindparam("to_group"),
    )
)
_STARTED_INSTANCE = (
    task_instance.update()
    .where(
        task_instance.c.id == sa.bindparam("row_id"), task_instance.c.attempt == sa.bindparam("of")
    )
    .values(pid=sa.bindparam("to_pid"))
)


def note_started(connection: sa.Connection, started: Sequence[Started]) -> None:
    """Write which processes run these attempts."""
    run_many(
        connection,
        _STARTED,
        [
            {
                "of_token": one.token,
                "to_pid": one.pid,
                "to_start": one.process_start,
                "to_group": one.process_group,
            }
            for one in started
        ],
    )
    run_many(
        connection,
        _STARTED_INSTANCE,
        [{"row_id": one.instance_id, "of": one.token, "to_pid": one.pid} for one in started],
    )


_restarting = task_instance.c.state == "restarting"
_END = (
    task_instance.update()
    .where(
        task_instance.c.id == sa.bindparam("row_id"),
        task_instance.c.attempt == sa.bindparam("token"),
        sa.or_(task_instance.c.state == "running", _restarting),  # IN cannot be executemany
    )
    .values(
        # Cleared while it ran: the scheduler queues it anew, whatever came of this attempt.
        state=sa.case((_restarting, None), else_=sa.bindparam("to_state", type_=sa.String)),
        next_at_us=sa.case((_restarting, None), else_=sa.bindparam("next", type_=sa.BigInteger)),
        skip_decision=sa.case((_restarting, None), else_=sa.bindparam("skip", type_=sa.Text)),
        end_us=sa.bindparam("now"),
        changed_by=sa.bindparam("actor"),
        change_cause=sa.bindparam("cause"),
        changed_at_us=sa.bindparam("now"),
    )
)
_END_ATTEMPT = (
    attempt.update()
    .where(attempt.c.token == sa.bindparam("of_token"))
    .values(
        ended_us=sa.bindparam("at"),
        outcome=sa.bindparam("to_outcome"),
        accepted=sa.bindparam("is_accepted"),
        cause=sa.bindparam("why"),
        exit_code=sa.bindparam("code"),
        max_rss_kb=sa.bindparam("rss"),
        cpu_us=sa.bindparam("cpu"),
    )
)


def end(connection: sa.Connection, ended: Sequence[Ended], who: Supervisor) -> set[str]:
    """Write the ends of attempts; return the tokens whose outcome was accepted.

    Accepted is what ends a row that is still running under that token; a row cleared meanwhile
    (`restarting`) gets no state, one that a user marked stays. All are noted in `attempt`.
    """
    changed = run_many(
        connection,
        _END,
        [
            {
                "row_id": one.instance_id,
                "token": one.token,
                "to_state": one.state,
                "next": one.next_at_us,
                "skip": one.skip_decision,
                "now": one.ended_us,
                "actor": _actor(who),
                "cause": one.cause,
            }
            for one in ended
        ],
    )
    accepted = {one.token for one in ended}
    if changed != len(ended):
        accepted = _accepted(connection, ended, who)
    run_many(connection, _END_ATTEMPT, [_end_row(one, accepted) for one in ended])
    return accepted


def _accepted(connection: sa.Connection, ended: Sequence[Ended], who: Supervisor) -> set[str]:
    by_id = {one.instance_id: one for one in ended}
    query = sa.select(task_instance.c.id, task_instance.c.attempt).where(
        task_instance.c.id.in_(list(by_id)),
        task_instance.c.changed_by == _actor(who),
        task_instance.c.end_us == task_instance.c.changed_at_us,
    )
    return {token for row_id, token in connection.execute(query) if token == by_id[row_id].token}


def _end_row(one: Ended, accepted: set[str]) -> dict[str, Any]:
    return {
        "of_token": one.token,
        "at": one.ended_us,
        "to_outcome": one.outcome,
        "is_accepted": one.token in accepted,
        "why": one.cause,
        "code": one.exit_code,
        "rss": one.max_rss_kb,
        "cpu": one.cpu_us,
    }


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
