"""`airflow-lite version`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite import __version__

if TYPE_CHECKING:
    import argparse


def version(args: argparse.Namespace) -> int:
    """Print the version."""
    print(__version__)
    return 0
