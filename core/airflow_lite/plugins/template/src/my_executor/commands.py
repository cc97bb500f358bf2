"""What the commands of `airflow-lite my_executor` do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.cli import config, print_rows

if TYPE_CHECKING:
    import argparse


def settings(args: argparse.Namespace) -> int:
    """Print each setting with its value; return the exit code."""
    options = config(args)
    names = [
        ("core", "parallelism"),
        ("my_executor", "kill_grace_s"),
    ]
    print_rows(
        [
            {"setting": f"[{section}] {name}", "value": options.get(section, name)}
            for section, name in names
        ],
        args.output,
    )
    return 0
