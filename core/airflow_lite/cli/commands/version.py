"""`airflow-lite version`."""

from __future__ import annotations

from typing import Any

from airflow_lite import __version__


def version(args: Any) -> int:
    """Print the version."""
    print(__version__)
    return 0
