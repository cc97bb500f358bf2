"""The directories where plugins are searched, and a cheap key of their content."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


def search_key() -> list[list[Any]]:
    """Return [directory, st_mtime_ns] of each directory of `sys.path`, each once, in order."""
    return _key([os.path.abspath(entry or ".") for entry in sys.path])


def installed_key() -> list[list[Any]]:
    """Return the same without the directory that is first for the way Python was started alone.

    That is the program's own (`airflow-lite`) or the working one (`python -m airflow_lite`).
    """
    first, *others = [os.path.abspath(entry or ".") for entry in sys.path] or [""]
    implied = {os.path.dirname(os.path.abspath(sys.argv[0])), os.getcwd()}
    is_implied = not sys.flags.safe_path and first in implied
    return _key(others if is_implied else [first, *others])


def _key(directories: list[str]) -> list[list[Any]]:
    key = []
    for directory in dict.fromkeys(directories):
        try:
            status = os.stat(directory)
        except OSError:
            continue
        if os.path.isdir(directory):
            key.append([directory, status.st_mtime_ns])
    return key


def spec_of(top: str) -> ModuleSpec | None:
    """Return where a top-level module or package is, which is not imported for it."""
    from importlib.util import find_spec

    try:
        return find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
