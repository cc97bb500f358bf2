"""Files and folders of the home: for their owner alone, whatever the umask; and who else may write.

Standard library only, and no pathlib: the configuration is read with it.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def make_folder(path: Path | str) -> None:
    """Make a folder, and those above it that are missing. Raises OSError."""
    missing, folder = [], os.path.abspath(path)
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(folder, FOLDER_MODE)
    if not os.path.isdir(path):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def open_private(path: Path | str, flags: int) -> int:
    """Return a descriptor of a file that is made if need be. Raises OSError."""
    return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)


def write_private(path: Path | str, text: str) -> None:
    """Write a text to a file. Raises OSError."""
    descriptor = open_private(path, os.O_WRONLY | os.O_TRUNC)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def is_open_to_all(status: os.stat_result) -> bool:
    """Whether every user of the machine may write to what has this status."""
    return bool(status.st_mode & stat.S_IWOTH)


def who_else_writes(path: Path | str) -> str | None:
    """Return "every user" or "its group" where these may write to a file or folder, too."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return None
    if mode & stat.S_IWOTH:
        return "every user"
    return "its group" if mode & stat.S_IWGRP else None
