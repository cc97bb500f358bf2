"""Messages as lines of JSON: how they are written, and how whole ones are taken from a stream."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_CHUNK = 1 << 16


def to_line(message: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """Return a message as a line of ASCII, whatever characters it has; `default` as of `json`."""
    return json.dumps(message, separators=(",", ":"), default=default).encode() + b"\n"


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it to a descriptor that blocks."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class LineBuffer:
    """Bytes as they come in, and the whole lines that they make."""

    def __init__(self) -> None:
        self.rest = bytearray()
        self._searched = 0  # so far the rest has no end of a line: a long one is read once

    def add(self, data: bytes) -> None:
        """Take more bytes; they are in the rest until they are taken as lines."""
        self.rest += data

    def take_line(self) -> bytes | None:
        """Take the first whole line out, without its end; None if there is none."""
        return self._take(self.rest.find(b"\n", self._searched))

    def take_lines(self) -> list[bytes]:
        """Take all whole lines out."""
        taken = self._take(self.rest.rfind(b"\n", self._searched))
        return [] if taken is None else taken.split(b"\n")

    def _take(self, end: int) -> bytes | None:
        if end < 0:
            self._searched = len(self.rest)
            return None
        taken = bytes(self.rest[:end])
        del self.rest[: end + 1]
        self._searched = 0
        return taken


class LineReader:
    """Messages from a stream socket that blocks, one by one."""

    def __init__(self, end: socket.socket, gone: str = "The other end is gone.") -> None:
        self._socket = end
        self._gone = gone
        self._buffer = LineBuffer()

    def read(self) -> Any:
        """Wait for the next message and return it; raise EOFError, with `gone`, after the last."""
        while (line := self._buffer.take_line()) is None:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise EOFError(self._gone)
            self._buffer.add(data)
        return json.loads(line)
