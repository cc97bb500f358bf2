"""`airflow-lite jobs …`."""

from __future__ import annotations

from airflow_lite.cli import context
from airflow_lite.errors import UserError
from airflow_lite.store.listing import alive_jobs

#: Airflow's names of the types of jobs that we have.
KINDS = {"SchedulerJob": "scheduler", "BackfillJob": "backfill"}


def check(args: context.Args) -> int:
    """Exit with 0 if a job is alive; raise `UserError` if none is, or more than allowed."""
    if args.allow_multiple and args.limit == 1:
        raise UserError("--allow-multiple needs a --limit above 1, or 0 for all.")
    if args.hostname and args.local:
        raise UserError("--hostname and --local exclude each other. Give one of them.")
    config = context.config(args)
    here = config.hostname
    with context.store(args).read() as connection:
        jobs = alive_jobs(
            connection,
            within_s=config.getfloat("scheduler", "lease_timeout_s"),
            kind=KINDS.get(args.job_type),
            hostname=here if args.local else args.hostname,
            limit=args.limit or None,
        )
    count = len(jobs)
    if count == 0:
        raise UserError("No alive jobs found. Start one with `airflow-lite scheduler`.")
    if count > 1 and not args.allow_multiple:
        raise UserError(f"Found {count} alive jobs, expected one. Add --allow-multiple.")
    print("Found one alive job." if count == 1 else f"Found {count} alive jobs.")
    return 0
