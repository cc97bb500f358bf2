"""What task hosts read and write, a batch of attempts at a time: claims, outcomes, heartbeats."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.store import dataset_events, xcom_values
from airflow_lite.store.statement import Statement, in_order, read, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_lite.store.connection import Connection
    from airflow_lite.store.dataset_events import DatasetChange

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
    map_length: int | None = None
    rendered_map_index: str | None = None
    exit_code: int | None = None
    max_rss_kb: int | None = None
    cpu_us: int | None = None
    callback: str | None = None  # the child cannot call it any more: on_failure or on_retry
    changes: tuple[DatasetChange, ...] = ()
    trigger_spec: str | None = None  # JSON; of a task that is deferred, as are the next two
    next_method: str | None = None
    next_kwargs: str | None = None  # JSON


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


_REGISTER = Statement("""
INSERT INTO supervisor
(id, kind, hostname, boot_id, pid, process_start, job_id, start_us, latest_beat_us)
VALUES (:id::TEXT, :kind::TEXT, :hostname::TEXT, :boot_id::TEXT, :pid::INTEGER,
:process_start::BIGINT, :job_id::BIGINT, :now::BIGINT, :now::BIGINT)
""")
_BEAT = Statement("""
UPDATE supervisor SET beat_count=(supervisor.beat_count + 1), latest_beat_us=:now::BIGINT
WHERE supervisor.id = :who::TEXT
""")
_END_SUPERVISOR = Statement("""
UPDATE supervisor SET end_us=:now::BIGINT, end_cause=:cause::TEXT
WHERE supervisor.id = :who::TEXT AND supervisor.end_us IS NULL
""")


def register(connection: Connection, owner: Supervisor, now_us: int) -> None:
    """Write the row of a new supervisor."""
    write(connection, _REGISTER, [{**asdict(owner), "now": now_us}])


def beat(connection: Connection, supervisor_id: str, now_us: int) -> None:
    """Record a heartbeat of a supervisor."""
    write(connection, _BEAT, [{"who": supervisor_id, "now": now_us}])


def end_supervisor(connection: Connection, supervisor_id: str, now_us: int, cause: str) -> None:
    """Record that a supervisor ended, or is proven dead; an end that is recorded already stays."""
    write(connection, _END_SUPERVISOR, [{"who": supervisor_id, "now": now_us, "cause": cause}])


class Watched(NamedTuple):
    """State and token in the row of a running attempt: they tell its host whether it may go on."""

    id: int
    state: str | None
    attempt: str | None


#: Ids that one statement takes; SQLite of old allows 999 parameters.
_CHUNK = 500
_WATCH = Statement("""
SELECT task_instance.id, task_instance.state, task_instance.attempt
FROM task_instance WHERE task_instance.id IN :ids::BIGINT[]
""")


def watch(connection: Connection, instance_ids: Sequence[int]) -> list[Watched]:
    """Return state and token of these rows; a deleted one is missing."""
    chunks = [instance_ids[at : at + _CHUNK] for at in range(0, len(instance_ids), _CHUNK)]
    return [Watched(*row) for ids in chunks for row in read(connection, _WATCH, ids=[*ids])]


# By its key alone, here and where one ends: `coalesce` keeps PostgreSQL from the index of what is
# active, which has an entry of everything that ran since the table was cleaned.
_CLAIM_TEXT = """
UPDATE task_instance SET state='running', supervisor=:who::TEXT, hostname=:host::TEXT, pid=NULL,
start_us=CASE WHEN task_instance.next_method IS NULL THEN :now::BIGINT
ELSE coalesce(task_instance.try_started_us, :now::BIGINT) END, end_us=NULL, next_at_us=NULL,
skip_decision=NULL,
try_started_us=coalesce(task_instance.try_started_us, :now::BIGINT),
changed_by=:actor::TEXT, change_cause='claimed', changed_at_us=:now::BIGINT
WHERE task_instance.id = :instance_id::BIGINT AND coalesce(task_instance.state, '') = 'queued'
AND task_instance.attempt = :token::TEXT
"""
_CLAIM = Statement(_CLAIM_TEXT)
_CLAIMED = Statement("""
SELECT task_instance.attempt FROM task_instance WHERE task_instance.id IN :ids::BIGINT[]
AND task_instance.supervisor = :who::TEXT AND task_instance.state = 'running'
""")
_ATTEMPT_COLUMNS = """
INSERT INTO attempt (token, task_instance_id, try_number, queued_us, supervisor, hostname, boot_id,
claimed_us)
"""
_ATTEMPT_VALUES = """
:token::TEXT, :instance_id::BIGINT, :try_number::INTEGER, :queued_us::BIGINT, :who::TEXT,
:host::TEXT, :boot_id::TEXT, :now::BIGINT
"""
_ATTEMPT_AGAIN = """
ON CONFLICT (token) DO UPDATE SET supervisor = excluded.supervisor, hostname = excluded.hostname,
boot_id = excluded.boot_id, claimed_us = excluded.claimed_us
"""
_NOTE_CLAIM = Statement(f"{_ATTEMPT_COLUMNS} VALUES ({_ATTEMPT_VALUES.strip()}) {_ATTEMPT_AGAIN}")
#: Of one attempt, for PostgreSQL: both writes by one message to the server.
_CLAIM_AND_NOTE = Statement(
    f"WITH claimed AS ({_CLAIM_TEXT} RETURNING task_instance.id)"  # noqa: S608 - ours
    f" {_ATTEMPT_COLUMNS} SELECT {_ATTEMPT_VALUES} FROM claimed {_ATTEMPT_AGAIN}"
)


def claim(
    connection: Connection, claims: Sequence[Claim], owner: Supervisor, now_us: int
) -> set[str]:
    """Make queued rows running, each under its token; return the tokens that `owner` holds now."""
    common = {
        "who": owner.id,
        "host": owner.hostname,
        "actor": _actor(owner),
        "now": now_us,
        "boot_id": owner.boot_id,
    }
    rows = in_order(({**common, **claim._asdict()} for claim in claims), "instance_id")
    is_one = _is_one_message(connection, rows)
    changed = write(connection, _CLAIM_AND_NOTE if is_one else _CLAIM, rows)
    mine = {claim.token for claim in claims}
    if changed != len(claims):  # or they are held already, as nobody answered the first COMMIT
        ids = [claim.instance_id for claim in claims]
        mine &= {row[0] for row in read(connection, _CLAIMED, ids=ids, who=owner.id)}
    if not is_one:
        write(connection, _NOTE_CLAIM, [row for row in rows if row["token"] in mine])
    kept = [claim for claim in claims if claim.token in mine]
    xcom_values.clear(
        connection, [claim.xcom_of for claim in kept if claim.clears_xcom and claim.xcom_of]
    )
    return mine


def _is_one_message(connection: Connection, rows: Sequence[object]) -> bool:
    """Tell whether what is written of one attempt may be one statement: SQLite has none such."""
    return len(rows) == 1 and connection.dialect.name == "postgresql"


def _actor(owner: Supervisor) -> str:
    return f"{owner.kind} {owner.hostname}:{owner.pid}"


_STARTED = Statement("""
UPDATE attempt SET pid=:pid::INTEGER, process_start=:process_start::BIGINT,
process_group=:process_group::INTEGER WHERE attempt.token = :token::TEXT
""")
_STARTED_INSTANCE = Statement("""
UPDATE task_instance SET pid=:pid::INTEGER
WHERE task_instance.id = :instance_id::BIGINT AND task_instance.attempt = :token::TEXT
""")


def note_started(connection: Connection, started: Sequence[Started]) -> None:
    """Write which processes run these attempts."""
    rows = in_order((process._asdict() for process in started), "instance_id")
    write(connection, _STARTED, rows)
    write(connection, _STARTED_INSTANCE, rows)


# Cleared while it ran: the scheduler queues it again, whatever the outcome of this attempt.
_END_TEXT = """
UPDATE task_instance SET
state=CASE WHEN (task_instance.state = 'restarting') THEN NULL ELSE :state::TEXT END,
next_at_us=CASE WHEN (task_instance.state = 'restarting') THEN NULL ELSE :next_at_us::BIGINT END,
skip_decision=CASE WHEN (task_instance.state = 'restarting') THEN NULL
ELSE :skip_decision::TEXT END,
map_length=CASE WHEN (task_instance.state = 'restarting') THEN NULL ELSE :map_length::INTEGER END,
rendered_map_index=CASE WHEN (task_instance.state = 'restarting') THEN NULL
ELSE :rendered_map_index::TEXT END,
trigger_spec=CASE WHEN (task_instance.state = 'restarting') THEN NULL
ELSE :trigger_spec::TEXT END,
next_method=:next_method::TEXT, next_kwargs=:next_kwargs::TEXT,
end_us=:ended_us::BIGINT, changed_by=:actor::TEXT, change_cause=:cause::TEXT,
changed_at_us=:ended_us::BIGINT
WHERE task_instance.id = :instance_id::BIGINT AND task_instance.attempt = :token::TEXT
AND coalesce(task_instance.state, '') IN ('running', 'restarting')
"""
_END = Statement(_END_TEXT)
_ACCEPTED = Statement("""
SELECT task_instance.id, task_instance.attempt FROM task_instance
WHERE task_instance.id IN :ids::BIGINT[] AND task_instance.changed_by = :actor::TEXT
AND task_instance.end_us = task_instance.changed_at_us
""")
# What was accepted stays so, where this is written again as nobody answered the first COMMIT.
_END_ATTEMPT_TEXT = """
UPDATE attempt SET ended_us=:ended_us::BIGINT, outcome=:outcome::TEXT, cause=:cause::TEXT,
exit_code=:exit_code::INTEGER, max_rss_kb=:max_rss_kb::INTEGER, cpu_us=:cpu_us::BIGINT,
accepted=(attempt.accepted OR {accepted}) WHERE attempt.token = :token::TEXT
"""
_END_ATTEMPT = Statement(_END_ATTEMPT_TEXT.format(accepted=":accepted::BOOLEAN"))
_RENDERED_HEAD = "INSERT INTO rendered_fields (task_instance_id, fields)"
_RENDERED_AGAIN = "ON CONFLICT (task_instance_id) DO UPDATE SET fields = excluded.fields"
_RENDERED = Statement(
    f"{_RENDERED_HEAD} VALUES (:task_instance_id::BIGINT, :fields::TEXT) {_RENDERED_AGAIN}"
)
#: Of one attempt, for PostgreSQL: all writes by one message to the server.
_END_ALL = Statement(
    f"WITH ended AS ({_END_TEXT} RETURNING task_instance.id), saved AS ({_RENDERED_HEAD}"  # noqa: S608 - ours
    " SELECT :instance_id::BIGINT, :fields::TEXT WHERE :fields::TEXT IS NOT NULL"
    f" {_RENDERED_AGAIN})"
    f" {_END_ATTEMPT_TEXT.format(accepted='EXISTS (SELECT * FROM ended)')}"
    " RETURNING attempt.accepted,"
    " (SELECT set_config('synchronous_commit', 'off', true) WHERE :is_lazy::BOOLEAN)"
)
# By the run, which has an index, and once: its COMMIT may not have been answered the first time.
_REQUEST_CALLBACK = Statement("""
INSERT INTO callback_request (kind, dag_run_id, task_instance_id, payload, created_us)
SELECT 'task', task_instance.dag_run_id, task_instance.id, :payload::TEXT, :ended_us::BIGINT
FROM task_instance WHERE task_instance.id = :instance_id::BIGINT
AND task_instance.attempt = :token::TEXT AND task_instance.state = :state::TEXT
AND NOT EXISTS (SELECT * FROM callback_request
WHERE callback_request.dag_run_id = task_instance.dag_run_id
AND callback_request.task_instance_id = :instance_id::BIGINT
AND callback_request.payload = :payload::TEXT
AND callback_request.created_us = :ended_us::BIGINT)
""")


def end(
    connection: Connection,
    reports: Sequence[Ended],
    owner: Supervisor,
    fields: Mapping[int, str] | None = None,
    *,
    is_lazy: bool = False,
) -> set[str]:
    """Write the ends of attempts; return the tokens whose outcome was accepted.

    Accepted is what ends a row that is still running under that token; a row cleared meanwhile
    (`restarting`) gets no state, one that a user marked stays. All are noted in `attempt`.
    `fields` are rendered fields to save with them, as for `save_rendered`. `is_lazy`: the commit
    of one end by itself need not wait for the disk.
    """
    rows = [{**report._asdict(), "actor": _actor(owner)} for report in reports]
    fields = fields or {}
    if _is_one_message(connection, rows) and fields.keys() <= {reports[0].instance_id}:
        [row] = rows
        of_row = {"fields": fields.get(row["instance_id"]), "is_lazy": is_lazy}
        found = read(connection, _END_ALL, **row, **of_row)
        accepted = {row["token"]} if found and found[0][0] else set()
    else:
        save_rendered(connection, fields)
        accepted = _end_all(connection, reports, rows, owner)
    for report in reports:
        if report.callback is not None:
            _request_callback(connection, report)
    dataset_events.record(connection, reports)
    return accepted


def _end_all(
    connection: Connection,
    reports: Sequence[Ended],
    rows: list[dict[str, Any]],
    owner: Supervisor,
) -> set[str]:
    rows = in_order(rows, "instance_id")
    changed = write(connection, _END, rows)
    accepted = {report.token for report in reports}
    if changed != len(reports):
        accepted = _accepted_tokens(connection, reports, owner)
    write(connection, _END_ATTEMPT, [{**row, "accepted": row["token"] in accepted} for row in rows])
    return accepted


def _request_callback(connection: Connection, report: Ended) -> None:
    """Request the callback of an ended attempt, if its row has the state that was reported.

    Once, though the COMMIT of the first time was not answered.
    """
    payload = json.dumps({"callback": report.callback, "reason": report.cause or ""})
    write(connection, _REQUEST_CALLBACK, [{**report._asdict(), "payload": payload}])


def _accepted_tokens(
    connection: Connection, reports: Sequence[Ended], owner: Supervisor
) -> set[str]:
    by_id = {report.instance_id: report for report in reports}
    rows = read(connection, _ACCEPTED, ids=[*by_id], actor=_actor(owner))
    return {token for row_id, token in rows if token == by_id[row_id].token}


_RETURN = Statement("""
UPDATE task_instance SET
state=CASE WHEN (task_instance.state = 'restarting') THEN NULL ELSE 'queued' END,
supervisor=NULL, hostname=NULL, start_us=NULL, try_started_us=:started_us::BIGINT,
changed_by=:actor::TEXT, change_cause=:cause::TEXT, changed_at_us=:now::BIGINT
WHERE task_instance.id = :instance_id::BIGINT AND task_instance.attempt = :token::TEXT
AND task_instance.supervisor = :who::TEXT
AND coalesce(task_instance.state, '') IN ('running', 'restarting')
""")
_RETURN_ATTEMPT = Statement("""
UPDATE attempt SET supervisor=NULL, hostname=NULL, boot_id=NULL, claimed_us=NULL
WHERE attempt.token = :token::TEXT AND attempt.supervisor = :who::TEXT
""")


def give_back(
    connection: Connection, returned: Sequence[Returned], owner: Supervisor, now_us: int
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
    write(connection, _RETURN, in_order(rows, "instance_id"))
    write(connection, _RETURN_ATTEMPT, rows)


_FIND_RENDERED = Statement("""
SELECT rendered_fields.fields FROM rendered_fields
WHERE rendered_fields.task_instance_id = :instance_id::BIGINT
""")


def save_rendered(connection: Connection, fields: Mapping[int, str]) -> None:
    """Save the rendered fields (JSON) of task instances by row id."""
    rows = [{"task_instance_id": row_id, "fields": text} for row_id, text in fields.items()]
    write(connection, _RENDERED, rows)


def rendered(connection: Connection, instance_id: int) -> dict[str, Any] | None:
    """Return the rendered fields that an attempt saved; None if none did."""
    rows = read(connection, _FIND_RENDERED, instance_id=instance_id)
    return json.loads(rows[0][0]) if rows else None
