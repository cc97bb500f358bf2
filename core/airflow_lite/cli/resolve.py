"""From what a user named to a DAG as its file has it now, a run, a task instance, a date."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.exc import SQLAlchemyError

from airflow_lite import clock
from airflow_lite.authoring.arguments.defaults import default_timezone
from airflow_lite.cli import context
from airflow_lite.errors import DagNotFound, InvalidIdError, UserError
from airflow_lite.keys import check_id, check_run_id
from airflow_lite.spec.model import DagSpec
from airflow_lite.store import dags, listing


def refresh(
    args: context.Args, dag_id: str | None = None, *, reports_skipped_files: bool = False
) -> None:
    """Parse the DAG files that are new or changed: all, or those that may hold `dag_id`.

    With `reports_skipped_files`, name the files that look like DAG files but are not read as such.
    """
    from airflow_lite.scheduler.dag_files.now import process_now

    config, store = context.config(args), context.store(args)
    folder = config.getpath("core", "dags_folder")
    if not folder.is_dir():
        context.notice(
            f"The DAG folder {folder} does not exist. Make it, or set [core] dags_folder."
        )
        reports_skipped_files = False
    notice = context.notice if reports_skipped_files else None
    process_now(config, store, dag_id, notice=notice)


def the_spec(args: context.Args, dag_id: str | None = None) -> tuple[int, DagSpec]:
    """Return version id and spec of `args.dag_id` (or `dag_id`), its file checked for changes.

    Raises `InvalidIdError` and `DagNotFound`.
    """
    dag_id = check_id(args.dag_id if dag_id is None else dag_id, "DAG id")
    refresh(args, dag_id)
    with context.store(args).read() as connection:
        row = listing.the_dag(connection, dag_id)
        latest = dags.latest_spec(connection, dag_id)
    if latest is None or not row["is_active"]:
        raise DagNotFound(
            f"DAG {dag_id!r} is not in {row['fileloc']} any more. Put it back, or remove its"
            f" records with `airflow-lite dags delete {dag_id}`."
        )
    if row["has_import_errors"]:
        context.notice(
            f"{row['fileloc']} cannot be imported now. The last good version of DAG"
            f" {dag_id!r} is used. See `airflow-lite dags list-import-errors`."
        )
    return latest


def is_within(args: context.Args, path: str) -> bool:
    """Return whether a DAG file is what `--subdir` names, or in it; without one, True."""
    if not getattr(args, "subdir", None):
        return True
    subdir = Path(args.subdir).expanduser().absolute()
    return subdir in {Path(path), *Path(path).parents}


def fail_runs_of_dead_tests(args: context.Args) -> None:
    """Fail the runs of every `dags test` that was killed on this machine, before they are shown."""
    from airflow_lite.scheduler.recovery.dead_dag_tests import fail_dead_tests

    with suppress(SQLAlchemyError):  # who only looks may not be able to write
        fail_dead_tests(context.config(args), context.store(args))


def the_run(args: context.Args, connection: sa.Connection) -> RowMapping:
    """Return the run of `args.dag_id` that `args.execution_date_or_run_id` names.

    Raises `InvalidIdError`, `DagNotFound` and `DagRunNotFound`.
    """
    id_or_date = args.execution_date_or_run_id
    logical_us = parsed_us(args, id_or_date)
    try:
        run_id = check_run_id(id_or_date)
    except InvalidIdError:
        if logical_us is None:
            raise
        run_id = ""  # a date with a blank in it names no run, but it may be one's logical date
    run: RowMapping = listing.the_run(
        connection, check_id(args.dag_id, "DAG id"), run_id or id_or_date, logical_us
    )
    return run


def the_instance(args: context.Args, connection: sa.Connection) -> tuple[RowMapping, RowMapping]:
    """Return the run and the task instance that `args` names.

    Raises as `the_run` does, and `TaskNotFound`.
    """
    task_id = check_id(args.task_id, "task id")
    run = the_run(args, connection)
    return run, listing.the_instance(connection, run, task_id, args.map_index)


def pattern(text: str) -> re.Pattern[str]:
    """Return a compiled regular expression; raise `UserError`."""
    try:
        return re.compile(text)
    except (re.error, RecursionError) as error:
        raise UserError(f"{text[:60]!r} is not a regular expression: {error}.") from None


def to_us(args: context.Args, moment: datetime | None) -> int | None:
    """Return a moment in microseconds; one without a zone is in `[core] default_timezone`."""
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=default_timezone(context.config(args)))
    return None if moment is None else clock.to_us(moment)


def parsed_us(args: context.Args, text: str) -> int | None:
    """Return a date in ISO 8601 as microseconds; None if `text` is none, or none in UTC."""
    try:
        return to_us(args, datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
