"""The files of an SQLite store: whether those in use are still those that other processes see.

SQLite keeps what was written last beside the database, in NAME-wal, and its locks in NAME-shm.
Where somebody removes one, who has it open goes on in a file without a name, and everybody else
begins another: together they spoil the database.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.store.engine import Store

_Identity = tuple[int, int]
_BESIDE = ("-wal", "-shm")


class StoreFiles:
    """The files that a store has open, by device and inode."""

    def __init__(self, store: Store) -> None:
        """Take note of them; a connection must be open. Raises OSError without a database."""
        self._path = store.engine.url.database if store.is_sqlite else None
        self._database = None if self._path is None else _identity_of(self._path)
        self._beside: dict[str, _Identity | None] = {}
        if self._path is not None:
            self._beside = {suffix: _identity(self._path + suffix) for suffix in _BESIDE}

    def fault(self) -> str | None:
        """Return what became of the files, in a sentence without its end; None: nothing did.

        Raises OSError where the file system does not tell.
        """
        if self._path is None:
            return None
        if _identity(self._path) != self._database:
            return f"The metadata database {self._path} was removed, moved or replaced"
        found = {suffix: _identity(self._path + suffix) for suffix in self._beside}
        for suffix, known in self._beside.items():
            now = found[suffix]
            if now == known:
                continue
            # A new file may have the number that the other one had before.
            if known is not None and known not in found.values() and _holds(known):
                return (
                    f"{self._path}{suffix}, a part of the metadata database, was removed or moved"
                )
            self._beside[suffix] = now  # every connection was closed meanwhile
        return None

    @property
    def is_intact(self) -> bool:
        """Whether the database itself is the same file; its log may be gone."""
        return self._path is not None and _identity(self._path) == self._database

    def is_begun_anew(self) -> bool:
        """Whether others have written to a log of their own since ours was removed."""
        try:
            return self._path is not None and os.stat(f"{self._path}-wal").st_size > 0
        except OSError:
            return False


def _identity_of(path: str) -> _Identity:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _identity(path: str) -> _Identity | None:
    try:
        return _identity_of(path)
    except FileNotFoundError:
        return None


def _holds(file: _Identity) -> bool:
    """Whether this process has the file open; False where the system does not tell."""
    with suppress(FileNotFoundError):
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):  # that of the listing is closed by now
                if _identity_of(f"/proc/self/fd/{name}") == file:
                    return True
    return False
