"""`airflow-lite man`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from airflow_lite.cli import context
from airflow_lite.cli.pages import find_page
from airflow_lite.errors import UserError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

#: A letter struck over another: how a page for a printer is bold or underlined.
_OVERSTRUCK = re.compile(".\b")
_ESCAPE = re.compile("\x1b\\[[0-9;]*m")


class NoManError(UserError):
    """The program `man` is not installed. Install man-db or mandoc."""


def man(args: argparse.Namespace) -> int:
    """Show a page: in the pager on a terminal, as plain text anywhere else."""
    page = find_page(args.name, context.config(args))
    viewer = _viewer(page.path)
    if sys.stdout.isatty():
        sys.stdout.flush()
        return subprocess.run(viewer, check=False).returncode
    print(_plain(viewer), end="")
    return 0


def _viewer(path: Path) -> list[str]:
    """Return the command that shows the file; raise `NoManError`."""
    if shutil.which("man"):
        return ["man", "-l", str(path)]
    if shutil.which("mandoc"):
        return ["mandoc", "-a" if sys.stdout.isatty() else "-Tutf8", str(path)]
    raise NoManError(
        "The program `man` is not installed. Install man-db or mandoc, or see `--help`;"
        f" the page is {path}."
    )


def _plain(viewer: list[str]) -> str:
    environ = {**os.environ, "MANPAGER": "cat", "PAGER": "cat", "GROFF_NO_SGR": "1"}
    environ.setdefault("MANWIDTH", "80")
    done = subprocess.run(viewer, env=environ, capture_output=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip()
        raise UserError(f"`{' '.join(viewer)}` failed: {reason}. See `--help` instead.")
    return _ESCAPE.sub("", _OVERSTRUCK.sub("", done.stdout.decode(errors="replace")))
