"""What the commands of `airflow-lite debug` do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.cli import config, run_dag_once

if TYPE_CHECKING:
    import argparse


def run(args: argparse.Namespace) -> int:
    """Run a DAG once on DebugExecutor; return 0 only if the run succeeded."""
    settings = config(args)
    overrides = {("debug", name): "True" for name in ("fail_fast", "pdb") if getattr(args, name)}
    settings.overrides = {**settings.overrides, **overrides}
    return run_dag_once(args, args.dag_id, args.logical_date)
