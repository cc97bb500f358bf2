"""`airflow-lite jobs …`."""

from __future__ import annotations

from airflow_lite.cli import context
from airflow_lite.errors import UserError
from airflow_lite.scheduler.recovery.live_jobs import live_jobs

#: Airflow's names of the types of jobs that we have.
KINDS = {"SchedulerJob": "scheduler", "BackfillJob": "backfill"}


def check(args: context.Args) -> int:
    """Exit with 0 if a job is alive; raise `UserError` if none is, or more than allowed."""
    if args.allow_multiple and args.limit == 1:
        raise UserError("--allow-multiple needs a --limit above 1, or 0 for all.")
    if args.hostname and args.local:
        raise UserError("--hostname and --local exclude each other. Give one of them.")
    config = context.config(args)
    with context.store(args).read() as connection:
        jobs = live_jobs(
            config,
            connection,
            kind=KINDS.get(args.job_type),
            hostname=config.hostname if args.local else args.hostname,
        )
    count = len(jobs.beating[: args.limit or None])
    if count == 0:
        hint = jobs.silent[0] if jobs.silent else "Start one with `airflow-lite scheduler`."
        raise UserError(f"No alive jobs found. {hint}")
    if count > 1 and not args.allow_multiple:
        raise UserError(f"Found {count} alive jobs, expected one. Add --allow-multiple.")
    print("Found one alive job." if count == 1 else f"Found {count} alive jobs.")
    return 0
