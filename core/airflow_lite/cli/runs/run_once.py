"""One run of a DAG on the configured executor, for commands of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def run_dag_once(args: argparse.Namespace, dag_id: str, logical_date: str | None = None) -> int:
    """Run a DAG once, with no scheduler beside it, and print how it went.

    `args` are those of the command that asks, so that its configuration holds. `logical_date` is
    in ISO 8601; None is now. Returns 0 only if the run succeeded; raises `UserError`.
    """
    from argparse import ArgumentTypeError

    from airflow_lite.cli import resolve
    from airflow_lite.cli.commands.dag_runs import run_with_progress
    from airflow_lite.cli.types import moment
    from airflow_lite.errors import UserError

    try:
        date = None if logical_date is None else moment(logical_date)
    except ArgumentTypeError as error:
        raise UserError(f"LOGICAL_DATE: {error}.") from None
    run = run_with_progress(args, dag_id, logical_us=resolve.to_us(args, date), use_executor=True)
    return 0 if run["state"] == "success" else 1
