"""`airflow-lite dags trigger`."""

from __future__ import annotations

import json
import sys
from typing import Any

from sqlalchemy import RowMapping

from airflow_lite.cli import context, resolve
from airflow_lite.cli.output import print_rows
from airflow_lite.cli.runs.run_conf import json_object
from airflow_lite.cli.runs.wait_for_run import wait_for_run
from airflow_lite.cli.runs.why_failed import tell_why
from airflow_lite.clock import SystemClock, from_us
from airflow_lite.errors import ParamValidationError, UserError
from airflow_lite.scheduler.recovery.live_jobs import live_jobs
from airflow_lite.secrets_masker import redact
from airflow_lite.spec.model import DagSpec
from airflow_lite.store import listing, test_runs, triggering
from airflow_lite.store.triggering import WantedRun


def trigger(args: context.Args) -> int:
    """Make a new run; with `--wait`, return when it has ended."""
    if args.timeout is not None and not args.wait:
        raise UserError("--timeout works only with --wait. Add --wait.")
    if args.scheduled_interval and args.exec_date is None:
        raise UserError("--scheduled-interval needs the date of a scheduled run. Add -e DATE.")
    version_id, spec = resolve.the_spec(args)
    run_row_id = _make_run(args, version_id, spec)
    _warn(args)
    run = _run(args, run_row_id)
    if args.wait:
        wait_for_run(args, run, len(spec.tasks), timeout_s=args.timeout)
        run = _run(args, run_row_id)
    print_rows(
        [_run_row(run)],
        args.output,
        columns=args.columns,
        shown=("dag_run_id", "state", "logical_date"),
    )
    if args.wait and run["state"] != "success":
        sys.stdout.flush()  # why is told on stderr, and after it
        tell_why(args, run)
        return 1
    return 0


def _run(args: context.Args, run_row_id: int) -> RowMapping:
    with context.store(args).read() as connection:
        return listing.run_by_id(connection, run_row_id)


def _make_run(args: context.Args, version_id: int, spec: DagSpec) -> int:
    wanted = WantedRun(
        conf=json_object(args.conf, "--conf"),
        run_id=args.run_id,
        logical_us=resolve.to_us(args, args.exec_date),
        has_scheduled_interval=args.scheduled_interval,
        keeps_microseconds=not args.replace_microseconds,
    )
    try:
        for transaction in context.transactions(args):
            with transaction as connection:
                row_id = triggering.trigger(
                    connection, spec, version_id, wanted, now_us=SystemClock().now_us()
                )
    except ParamValidationError as error:
        raise UserError(str(error)) from None
    except ValueError as error:
        raise UserError(f"--scheduled-interval: {error}.") from None
    return row_id


def _warn(args: context.Args) -> None:
    """Print why the run may not start soon: the DAG is paused, or no scheduler runs."""
    with context.store(args).read() as connection:
        paused = listing.the_dag(connection, args.dag_id)["is_paused"]
    if paused:
        context.notice(
            f"DAG {args.dag_id!r} is paused: the run waits for"
            f" `airflow-lite dags unpause {args.dag_id}`."
        )
    if not _scheduler_runs(args):
        context.notice("No scheduler is running: start one with `airflow-lite scheduler`.")


def _scheduler_runs(args: context.Args) -> bool:
    with context.store(args).read() as connection:
        return bool(live_jobs(context.config(args), connection, kind="scheduler"))


def _run_row(run: RowMapping) -> dict[str, Any]:
    return {
        "conf": redact(json.loads(run["conf"])),
        "dag_id": run["dag_id"],
        "dag_run_id": run["run_id"],
        "data_interval_start": _moment(run["interval_start_us"]),
        "data_interval_end": _moment(run["interval_end_us"]),
        "end_date": _moment(run["end_us"]),
        "external_trigger": bool(run["external_trigger"]),
        "last_scheduling_decision": None,
        "logical_date": _moment(test_runs.date_of(run)),
        "run_type": run["run_type"],
        "start_date": _moment(run["start_us"]),
        "state": run["state"],
    }


def _moment(moment_us: int | None) -> str | None:
    """Return a moment as Airflow prints it here: with a blank between date and time."""
    return None if moment_us is None else str(from_us(moment_us))
