"""`airflow-lite jobs …`."""

from __future__ import annotations

from typing import Any

from airflow_lite.cli import context
from airflow_lite.cli.output import print_rows
from airflow_lite.clock import US_PER_S, iso
from airflow_lite.errors import UserError
from airflow_lite.scheduler.recovery.live_jobs import live_jobs
from airflow_lite.store import jobs, ownership

#: Airflow's names of the types of jobs that we have.
KINDS = {"SchedulerJob": "scheduler", "BackfillJob": "backfill", "TriggererJob": "triggerer"}
_NAMES = {kind: name for name, kind in KINDS.items()} | {"dags_test": "DagTestJob"}


def list_jobs(args: context.Args) -> int:
    """List jobs, the latest first."""
    with context.store(args).read() as connection:
        rows = jobs.jobs_of_state(
            connection, args.state, kind=KINDS.get(args.job_type), limit=args.limit or None
        )
        owned = ownership.owned_counts(connection)
    print_rows(
        [_row(row, owned.get(row.id, ownership.DagCount()).total) for row in rows],
        args.output,
        columns=args.columns,
        shown=(
            "job_id",
            "job_type",
            "hostname",
            "pid",
            "executor",
            "dags",
            "taken_slots",
            "open_slots",
            "heartbeat_age",
        ),
        wide=("state", "start_date", "latest_heartbeat", "end_date"),
    )
    return 0


def _row(row: Any, dag_count: int) -> dict[str, Any]:
    is_running = row.state == "running"
    return {
        "job_id": row.id,
        "job_type": _NAMES.get(row.kind, row.kind),
        "state": row.state,
        "hostname": row.hostname,
        "pid": row.pid,
        "executor": row.executor,
        "dags": dag_count,
        "taken_slots": row.taken_slots,
        "open_slots": row.open_slots,
        "heartbeat_age": round(row.silent_us / US_PER_S, 1) if is_running else None,
        "start_date": iso(row.start_us),
        "latest_heartbeat": iso(row.latest_beat_us),
        "end_date": None if row.end_us is None else iso(row.end_us),
    }


def check(args: context.Args) -> int:
    """Exit with 0 if a job is alive; raise `UserError` if none is, or more than allowed."""
    if args.allow_multiple and args.limit == 1:
        raise UserError("--allow-multiple needs a --limit above 1, or 0 for all.")
    if args.hostname and args.local:
        raise UserError("--hostname and --local exclude each other. Give one of them.")
    config = context.config(args)
    with context.store(args).read() as connection:
        found = live_jobs(
            config,
            connection,
            kind=KINDS.get(args.job_type),
            hostname=config.hostname if args.local else args.hostname,
        )
    count = len(found.beating[: args.limit or None])
    if count == 0:
        hint = found.silent[0] if found.silent else "Start one with `airflow-lite scheduler`."
        raise UserError(f"No alive jobs found. {hint}")
    if count > 1 and not args.allow_multiple:
        raise UserError(f"Found {count} alive jobs, expected one. Add --allow-multiple.")
    print("Found one alive job." if count == 1 else f"Found {count} alive jobs.")
    return 0
