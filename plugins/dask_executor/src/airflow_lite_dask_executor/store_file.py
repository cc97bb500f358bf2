"""The identity of an SQLite file: workers that share it must see the very same one."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class StoreFile(NamedTuple):
    """A file on a running machine: another boot or another inode is another file."""

    path: str
    hostname: str
    boot_id: str
    device: int
    inode: int

    @classmethod
    def of(cls, url: str) -> StoreFile | None:
        """Return the file behind a database's URL; None if that is not SQLite."""
        if not url.startswith("sqlite"):
            return None
        path = url.partition(":///")[2].partition("?")[0]
        boot_id, device, inode = "", 0, 0
        with suppress(OSError):
            boot_id = Path(_BOOT_ID).read_text(encoding="ascii").strip()
        with suppress(OSError):
            status = os.stat(path)
            device, inode = status.st_dev, status.st_ino
        return cls(path, socket.gethostname(), boot_id, device, inode)

    def fault_of(self, url: str) -> str | None:
        """Return why this machine, with its database at `url`, cannot share the file; None: it can.

        `self` is the scheduler's.
        """
        here = StoreFile.of(url)
        if here is not None and here[2:] == self[2:]:
            return None
        if here is not None and here.boot_id == self.boot_id:
            return (
                f"it uses the SQLite file {here.path!r}, the scheduler {self.path!r}. "
                "Start it with the scheduler's AIRFLOW_LITE_HOME or [database] sql_alchemy_conn"
            )
        return (
            f"on the machine {socket.gethostname()!r} it does not share the SQLite file "
            f"{self.path!r} of {self.hostname!r}. Set [database] sql_alchemy_conn everywhere to "
            "the same PostgreSQL database"
        )
