"""JSON files in the home that save work. A file of an old format, or a broken one, is ignored.

So is what is no regular file, and what others may write to: all that is lost is time.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from typing import Any

from airflow_lite.config import Config
from airflow_lite.private_files import is_open_to_all, make_folder, write_private

#: No cache of ours comes near so many bytes.
_LARGEST = 64 << 20


def read(config: Config, name: str, form: int) -> dict[str, Any]:
    """Return what the file holds, if it was written in this form; else nothing."""
    path = config.path(name)
    try:
        if is_open_to_all(os.stat(os.path.dirname(path))):
            return {}
        kept = json.loads(_content(path))
        return dict(kept) if kept["format"] == form else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _content(path: str) -> bytes:
    """Return the bytes of a regular file; raise OSError or ValueError for what is none."""
    # Without waiting for whoever writes to a pipe.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or is_open_to_all(status):
            raise ValueError("not a file of ours")
        if status.st_size > _LARGEST:
            raise ValueError("too large")
        return file.read(_LARGEST)


def write(config: Config, name: str, form: int, fields: dict[str, Any]) -> None:
    """Write the file if there is a home to keep it in; ignore a home that is read-only."""
    if not config.home.is_dir():
        return
    file = config.home / name
    unfinished = file.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        make_folder(file.parent)
        with suppress(FileNotFoundError):
            os.unlink(unfinished)  # of a process that had this number, and ended in between
        write_private(unfinished, json.dumps({"format": form, **fields}))
        unfinished.replace(file)
