"""`airflow-lite dags …`: listing, pausing and deleting DAGs. Runs: `dag_runs`, `dag_trigger`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from airflow_lite.cli import context, resolve
from airflow_lite.cli.dag_rows import dag_row
from airflow_lite.cli.dot import dot, write_dot
from airflow_lite.cli.output import print_fields, print_rows
from airflow_lite.clock import SystemClock, iso
from airflow_lite.errors import UserError
from airflow_lite.keys import check_id
from airflow_lite.spec.model import DagRunInfo, DagSpec
from airflow_lite.spec.timetable import following_run
from airflow_lite.store import doorbell, edits, listing, runs

#: What `dags list` has of a DAG where no columns are asked for: Airflow's.
LISTED = ("dag_id", "fileloc", "owners", "is_paused")


def list_dags(args: context.Args) -> int:
    """List the DAGs whose files have them."""
    records, errors = resolve.catalogue(args)
    rows = [dag_row(row) for row in records]
    if errors:
        context.notice(
            "Error: Failed to load all files."
            " For details, run `airflow-lite dags list-import-errors`"
        )
    if args.columns is None:
        rows = [{name: row[name] for name in LISTED} for row in rows]
    print_rows(
        rows,
        args.output,
        columns=args.columns,
        shown=("dag_id", "is_paused"),
        wide=("owners", "fileloc"),
    )
    return 0


def details(args: context.Args) -> int:
    """Show all that is known of one DAG."""
    path = resolve.the_dag(args).path
    with context.store(args).read() as connection:
        row = dag_row({**listing.the_dag(connection, args.dag_id), "fileloc": path})
    titles = "property_name", "property_value"
    print_fields([row], args.output, columns=args.columns, titles=titles)
    return 0


def show(args: context.Args) -> int:
    """Print a DAG's graph."""
    write_dot(dot(resolve.the_dag(args).spec), args.save)
    return 0


def list_import_errors(args: context.Args) -> int:
    """List the DAG files that could not be imported; exit with 1 if there are any."""
    _, errors = resolve.catalogue(args, reports_skipped_files=True)
    rows = [{"filepath": path, "error": error} for path, error in sorted(errors.items())]
    print_rows(rows, args.output, columns=args.columns)
    return 1 if rows else 0


def next_execution(args: context.Args) -> int:
    """Print the start of the next data intervals."""
    dag = resolve.the_dag(args)
    with context.store(args).read() as connection:
        stored = listing.matching_dags(connection, args.dag_id, regex=False)
        last_us = runs.last_scheduled(connection, [args.dag_id]).get(args.dag_id, (None, None))
    if any(row["is_paused"] for row in stored):
        context.notice("[INFO] Please be reminded this DAG is PAUSED now.")
    count = 0
    planned = stored[0] if dag.version_id is not None else None  # else it may be another's
    for run in islice(_upcoming(dag.spec, planned, last_us), args.num_executions):
        print(iso(run.interval_start_us))
        count += 1
    if count < args.num_executions:
        context.notice(
            "[WARN] No following schedule can be found. "
            "This DAG may have schedule interval '@once' or `None`."
        )
        print(None)
    return 0


def _upcoming(
    spec: DagSpec, row: dict[str, Any] | None, interval_us: tuple[int | None, int | None]
) -> Iterator[DagRunInfo]:
    """Yield the coming runs: first the one that a scheduler planned, if the DAG's row has it."""
    now_us = SystemClock().now_us()
    names = ("logical", "interval_start", "interval_end", "create_after")
    planned: list[Any] = [(row or {}).get(f"next_{name}_us") for name in names]
    following = (
        following_run(spec, interval_us[1], now_us, interval_us[0])
        if None in planned
        else DagRunInfo(*planned)
    )
    last_us: int | None = None
    while following is not None and (last_us is None or following.logical_us > last_us):
        yield following
        last_us = following.logical_us
        following = following_run(
            spec, following.interval_end_us, now_us, following.interval_start_us
        )


def pause(args: context.Args) -> int:
    """Pause DAGs."""
    return _set_paused(args, paused=True)


def unpause(args: context.Args) -> int:
    """Let paused DAGs go on."""
    return _set_paused(args, paused=False)


def _set_paused(args: context.Args, *, paused: bool) -> int:
    ids = _dags_to_change(args, paused=paused)
    if not ids:
        print(f"No {'un' if paused else ''}paused DAGs were found")
        return 0
    act = "pause" if paused else "unpause"
    warning = f"You are about to {act} {len(ids)} DAGs:\n{','.join(ids)}\n"
    if args.treat_dag_id_as_regex and not context.confirmed(args, warning):
        print("Operation cancelled by user")
        return 1
    for transaction in context.transactions(args):
        with transaction as connection:
            edits.set_paused(connection, ids, paused=paused)
            doorbell.ring(connection)
    rows = [{"dag_id": dag_id, "is_paused": paused} for dag_id in ids]
    print_rows(rows, args.output, columns=args.columns)
    return 0


def _dags_to_change(args: context.Args, *, paused: bool) -> list[str]:
    regex = args.treat_dag_id_as_regex
    if regex:
        resolve.pattern(args.dag_id)
        resolve.refresh(args)
    else:
        resolve.the_spec(args)
    with context.store(args).read() as connection:
        rows = listing.matching_dags(connection, args.dag_id, regex=regex)
    return [row["dag_id"] for row in resolve.rows_within(args, rows) if row["is_paused"] != paused]


def delete(args: context.Args) -> int:
    """Delete all records of a DAG."""
    check_id(args.dag_id, "DAG id")
    with context.store(args).read() as connection:
        listing.the_dag(connection, args.dag_id)
    what = "every record" if args.keep_logs else "every record and log"
    if not context.confirmed(args, f"This deletes {what} of DAG {args.dag_id!r}; its file stays."):
        print("Cancelled")
        return 1
    for transaction in context.transactions(args):
        with transaction as connection:
            count = edits.delete_dag(connection, args.dag_id)
            doorbell.ring(connection)
    print(f"Removed {count} record(s)")
    return 0 if args.keep_logs else _delete_logs(args)


def _delete_logs(args: context.Args) -> int:
    from airflow_lite.logs.cleaning import delete_logs_of_dag

    folder = context.config(args).getpath("logging", "base_log_folder")
    try:
        removed = delete_logs_of_dag(folder, args.dag_id)
    except OSError as error:
        raise UserError(
            f"{error.filename} cannot be deleted: {error.strerror}. Delete it by hand."
        ) from None
    if removed is not None:
        print(f"Removed its logs, {removed}")
    return 0
