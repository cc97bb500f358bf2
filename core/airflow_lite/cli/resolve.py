"""From what a user named to a DAG as its file has it now, a run, a task instance, a date."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.exc import SQLAlchemyError

from airflow_lite import clock
from airflow_lite.authoring.arguments.defaults import default_timezone
from airflow_lite.cli import context
from airflow_lite.cli.dag_rows import unsaved_dag
from airflow_lite.errors import DagNotFound, InvalidIdError, TaskNotFound, UserError
from airflow_lite.keys import check_id, check_run_id
from airflow_lite.parsing.locations import shown_path
from airflow_lite.spec.model import DagSpec
from airflow_lite.store import dags, listing
from airflow_lite.text import did_you_mean

if TYPE_CHECKING:
    from airflow_lite.scheduler.dag_files.unsaved import KnownDag


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
    for saved in process_now(config, store, dag_id, notice=notice):
        context.notice_once(args, saved.notices)


def named(args: context.Args) -> Path | None:
    """Return the file or folder that `--subdir` names; None without one; raise `UserError`."""
    text = getattr(args, "subdir", None)
    if not text:
        return None
    path = Path(text).expanduser().absolute()
    if not path.exists():
        raise UserError(f"--subdir {text[:200]!r}: there is no such file or folder.")
    return path


def the_dag(args: context.Args, dag_id: str | None = None) -> KnownDag:
    """Return the DAG `args.dag_id` (or `dag_id`): of what `--subdir` names, else of the store.

    Raises `UserError`, of which `InvalidIdError` and `DagNotFound` are.
    """
    dag_id = check_id(args.dag_id if dag_id is None else dag_id, "DAG id")
    subdir = named(args)
    if subdir is None:
        return _stored_dag(args, dag_id)
    from airflow_lite.scheduler.dag_files.unsaved import dag_in

    dag = dag_in(context.config(args), subdir, dag_id)
    context.notice_once(args, dag.spec.notices)
    return dag


def the_spec(args: context.Args, dag_id: str | None = None) -> tuple[int, DagSpec]:
    """Return version id and spec of a DAG in the store, its file checked for changes.

    With `--subdir` its file must be what that names, or in it: the store has it from no other.
    Raises as `the_dag` does.
    """
    dag_id = check_id(args.dag_id if dag_id is None else dag_id, "DAG id")
    dag = _stored_dag(args, dag_id)
    if not is_within(args, dag.path):
        raise UserError(
            f"DAG {dag_id!r} is scheduled from {dag.path}, which --subdir leaves out."
            " Leave --subdir out, or name that file."
        )
    assert dag.version_id is not None  # the store has it
    return dag.version_id, dag.spec


def the_specs(args: context.Args, *, is_regex: bool) -> list[tuple[int, DagSpec]]:
    """Return version id and spec of the DAG `args.dag_id`, or of all that it matches as a regex.

    Raises as `the_spec` does, but for a regex that no DAG matches.
    """
    if not is_regex:
        return [the_spec(args)]
    refresh(args)
    pattern(args.dag_id)
    with context.store(args).read() as connection:
        rows = listing.matching_dags(connection, args.dag_id, regex=True)
        ids = [row["dag_id"] for row in rows_within(args, rows)]
        return list(dags.specs_of(connection, ids).values())


def _stored_dag(args: context.Args, dag_id: str) -> KnownDag:
    from airflow_lite.scheduler.dag_files.unsaved import KnownDag

    refresh(args, dag_id)
    with context.store(args).read() as connection:
        row = listing.the_dag(connection, dag_id)
        latest = dags.latest_spec(connection, dag_id)
    path = file_path(args, row["fileloc"])
    if latest is None or not row["is_active"]:
        raise DagNotFound(
            f"DAG {dag_id!r} is not in {path} any more. Put it back, or remove its"
            f" records with `airflow-lite dags delete {dag_id}`."
        )
    if row["has_import_errors"]:
        context.notice(
            f"{path} cannot be imported now. The last good version of DAG"
            f" {dag_id!r} is used. See `airflow-lite dags list-import-errors`."
        )
    version_id, spec = latest
    context.notice_once(args, spec.notices)
    return KnownDag(spec, path, version_id)


def check_task(args: context.Args, dag: KnownDag) -> str:
    """Return the id `args.task_id`; raise `TaskNotFound` unless the DAG has that task."""
    task_id = check_id(args.task_id, "task id")
    if task_id in dag.spec.tasks:
        return task_id
    raise TaskNotFound(
        f"DAG {args.dag_id!r} has no task {args.task_id!r}."
        f"{did_you_mean(args.task_id, list(dag.spec.tasks))}"
        f" List the tasks with `airflow-lite tasks list {args.dag_id}`."
    )


def file_path(args: context.Args, location: object) -> str:
    """Return the path of a DAG file from what the store has of it."""
    return shown_path(str(location), context.config(args).getpath("core", "dags_folder"))


def is_within(args: context.Args, path: str) -> bool:
    """Return whether a DAG file is what `--subdir` names, or in it; without one, True."""
    subdir = named(args)
    if subdir is None:
        return True
    file = Path(path).resolve()
    return subdir.resolve() in {file, *file.parents}


def rows_within(args: context.Args, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return those of these rows of DAGs whose file is what `--subdir` names, or in it."""
    return [row for row in rows if is_within(args, file_path(args, row["fileloc"]))]


def catalogue(
    args: context.Args, *, reports_skipped_files: bool = False
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the DAGs as `store.listing.dags` does, and the errors of broken files by their paths.

    They are of what `--subdir` names, else of the DAG folder.
    """
    subdir = named(args)
    if subdir is not None:
        return _catalogue_of(args, subdir)
    refresh(args, reports_skipped_files=reports_skipped_files)
    with context.store(args).read() as connection:
        rows, broken = listing.dags(connection), dags.import_errors(connection)
    for row in rows:
        row["fileloc"] = file_path(args, row["fileloc"])
    return rows, {file_path(args, file.path): file.error or "" for file in broken}


def _catalogue_of(args: context.Args, subdir: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    from airflow_lite.scheduler.dag_files.unsaved import all_in

    found, broken = all_in(context.config(args), subdir)
    with context.store(args).read() as connection:
        stored = {row["dag_id"]: row for row in listing.dags(connection, active=None)}
    rows = [unsaved_dag(dag, stored.get(dag.spec.dag_id)) for dag in found]
    return rows, {file.path: file.error or "" for file in broken}


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
