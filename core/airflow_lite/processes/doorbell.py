"""The doorbell: a datagram socket in the home that wakes the scheduler after a commit.

A ring is a hint and may get lost: whoever waits looks by itself now and then, too.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "scheduler.bell"
_LARGEST = 60_000


@contextmanager
def _address(home: Path) -> Iterator[str]:
    """Give a short path to the bell: a Unix socket's path has at most 107 bytes, a home more."""
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)


def ring(home: Path, **message: Any) -> bool:
    """Wake the scheduler of this home; False if none listens. Never blocks, never raises OSError.

    `message` says what to look at: `instances=[row id, …]`, `runs=[row id, …]`; none: all over.
    """
    text = json.dumps(message).encode()
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with bell, suppress(OSError), _address(home) as address:
        bell.setblocking(False)
        bell.sendto(text if len(text) <= _LARGEST else b"{}", address)
        return True
    return False


class Doorbell:
    """The listening end, held by the one scheduler of a home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        with _address(home) as address:
            with suppress(FileNotFoundError):
                os.unlink(address)
            before = os.umask(0o177)
            try:
                self._socket.bind(address)
            finally:
                os.umask(before)

    def fileno(self) -> int:
        """Return the descriptor that is readable when someone rang."""
        return self._socket.fileno()

    def messages(self) -> list[dict[str, Any]]:
        """Return what was rung since the last call; an unreadable ring is `{}`."""
        found: list[dict[str, Any]] = []
        while True:
            try:
                text = self._socket.recv(_LARGEST + 1)
            except BlockingIOError:
                return found
            try:
                message = json.loads(text)
            except ValueError:
                message = None
            found.append(message if isinstance(message, dict) else {})

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        with suppress(OSError), _address(self._home) as address:
            os.unlink(address)
