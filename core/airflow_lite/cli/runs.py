"""The DAG run and the task instance that a user named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.cli import context, moments
from airflow_lite.errors import InvalidIdError
from airflow_lite.keys import check_id, check_run_id
from airflow_lite.store import listing

if TYPE_CHECKING:
    import argparse

    import sqlalchemy as sa
    from sqlalchemy import RowMapping


def the_run(args: argparse.Namespace, connection: sa.Connection) -> RowMapping:
    """Return the run of `args.dag_id` that `args.execution_date_or_run_id` names.

    Raises `InvalidIdError`, `DagNotFound` and `DagRunNotFound`.
    """
    named = args.execution_date_or_run_id
    logical_us = moments.parsed_us(context.config(args), named)
    try:
        run_id = check_run_id(named)
    except InvalidIdError:
        if logical_us is None:
            raise
        run_id = ""  # a date with a blank in it names no run, but it may be one's logical date
    found: RowMapping = listing.the_run(
        connection, check_id(args.dag_id, "DAG id"), run_id or named, logical_us
    )
    return found


def the_instance(
    args: argparse.Namespace, connection: sa.Connection
) -> tuple[RowMapping, RowMapping]:
    """Return the run and the task instance that `args` names.

    Raises as `the_run` does, and `TaskNotFound`.
    """
    task_id = check_id(args.task_id, "task id")
    run = the_run(args, connection)
    return run, listing.the_instance(connection, run, task_id, args.map_index)
