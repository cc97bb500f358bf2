"""`airflow-lite completion`."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def completion(args: Any) -> int:
    """Print the script that a shell sources."""
    folder = Path(__file__).parent.parent / "completion_scripts"
    print((folder / f"airflow-lite.{args.shell}").read_text(encoding="utf-8"), end="")
    return 0
