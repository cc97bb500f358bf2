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
    import argparse

    from airflow_lite.cli.commands.dag_runs import test
    from airflow_lite.cli.context import config

    asked = argparse.Namespace(
        dag_id=dag_id,
        execution_date=_moment(logical_date),
        conf=None,
        subdir=None,
        use_executor=True,
        show_dagrun=False,
        save_dagrun=None,
        _config=config(args),
    )
    return test(asked)


def _moment(text: str | None) -> object:
    from argparse import ArgumentTypeError

    from airflow_lite.cli.types import moment
    from airflow_lite.errors import UserError

    try:
        return None if text is None else moment(text)
    except ArgumentTypeError as error:
        raise UserError(f"LOGICAL_DATE: {error}.") from None
