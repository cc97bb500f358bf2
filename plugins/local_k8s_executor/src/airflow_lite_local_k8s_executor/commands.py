"""The functions behind the commands of `airflow-lite local-k8s`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.cli import print_halves

if TYPE_CHECKING:
    import argparse


def where(args: argparse.Namespace) -> int:
    """List the half of each task of a DAG."""
    print_halves(args, args.dag_id)
    return 0
