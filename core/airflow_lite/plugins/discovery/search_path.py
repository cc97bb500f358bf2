"""The directories where plugins are searched, and a cheap key of their content."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


def search_key() -> list[list[Any]]:
    """Return [directory, stamp] of each directory of `sys.path`, each once, in order.

    One that is reached by two names is one. The stamp changes with what is in the directory.
    """
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
    key, seen = [], set()
    for directory in dict.fromkeys(directories):
        try:
            status = os.stat(directory)
        except OSError:
            continue
        place = (status.st_dev, status.st_ino)
        if stat.S_ISDIR(status.st_mode) and place not in seen:
            seen.add(place)
            key.append([directory, change_stamp(status)])
    return key


def change_stamp(status: os.stat_result) -> list[int]:
    """Return what a change of a file or directory changes.

    Images that are built alike at any time give all the same st_mtime; nobody can set st_ctime.
    """
    return [status.st_mtime_ns, status.st_ctime_ns]


def archives() -> list[str]:
    """Return the files on `sys.path`: Python imports from archives, plugins are not searched."""
    return [entry for entry in dict.fromkeys(sys.path) if os.path.isfile(entry)]


def spec_of(top: str) -> ModuleSpec | None:
    """Return where a top-level module or package is, which is not imported for it."""
    from importlib.util import find_spec

    try:
        return find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
