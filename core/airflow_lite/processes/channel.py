"""Lines of JSON, with descriptors beside them, over a stream socket that never blocks."""

from __future__ import annotations

import array
import json
import os
import socket
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_lite.processes.lines import LineBuffer

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Descriptors that may come with one message.
_MOST_FDS = 16
_CHUNK = 1 << 18
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
#: Most chunks that one call receives: more than a socket holds by itself, so that the last words of
#: a process that has ended are heard whole, and one that never ends does not keep us from others.
_MOST_CHUNKS = 16


def encoded(message: Any) -> bytes:
    """Return a message as a line of JSON."""
    text = _ENCODER.encode(message)
    return text.encode("utf-8", "replace") + b"\n"  # no database holds half a character


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


class Channel:
    """One end: `send` and `flush` write what fits, `receive` reads what is there.

    Both directions are buffered, so that neither end can block the other. Descriptors travel with
    the message they were sent with and are taken, in order, from `fds`. A peer that runs code of
    others may send lines of at most `longest_line` bytes: one that is longer sets `is_overrun`, and
    nothing is received any more.
    """

    def __init__(self, end: socket.socket, longest_line: int | None = None) -> None:
        end.setblocking(False)
        self._longest_line = longest_line
        self.is_overrun = False
        self._socket = end
        self._received = LineBuffer()
        self._unsent: deque[tuple[memoryview, tuple[int, ...]]] = deque()
        self.fds: deque[int] = deque()
        self.is_closed = False

    def fileno(self) -> int:
        """Return the descriptor to select on."""
        return self._socket.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether `flush` must be called once the socket is writable."""
        return bool(self._unsent)

    def send(self, message: Any, fds: tuple[int, ...] = ()) -> None:
        """Queue a message and send what fits; `fds` are closed here once they are sent."""
        self.send_line(encoded(message), fds)

    def send_line(self, line: bytes, fds: tuple[int, ...] = ()) -> None:
        """Do as `send` with a message that is `encoded` already."""
        self._unsent.append((memoryview(line), fds))
        self.flush()

    def send_all(self, messages: Iterable[Any]) -> None:
        """Queue messages that the peer shall find there at once, and send what fits."""
        if data := b"".join(map(encoded, messages)):
            self._unsent.append((memoryview(data), ()))
        self.flush()

    def flush(self) -> None:
        """Send what fits of what is queued; a closed peer sets `is_closed`."""
        try:
            while self._unsent:
                data, fds = self._unsent[0]
                sent = self._send_once(data, fds)
                _close_all(fds)
                self._unsent[0] = (data[sent:], ())
                if sent == len(data):
                    self._unsent.popleft()
        except BlockingIOError:
            return
        except OSError:
            self._hang_up()

    def _send_once(self, data: memoryview, fds: tuple[int, ...]) -> int:
        if fds:
            return socket.send_fds(self._socket, [data], list(fds))
        return self._socket.send(data)

    def _hang_up(self) -> None:
        self.is_closed = True
        for _, fds in self._unsent:
            _close_all(fds)
        self._unsent.clear()

    def receive(self) -> list[Any]:
        """Return whole messages that have come, None for a line that is no JSON.

        Not more than a few megabytes are read: what is left is there for the next call. The peer's
        end sets `is_closed`.
        """
        for _ in range(0 if self.is_overrun else _MOST_CHUNKS):
            try:
                data = self._receive_once()
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.is_closed = True
                break
            self._received.add(data)
        lines = self._received.take_lines()
        self._limit([*map(len, lines), len(self._received.rest)])
        return [_decoded(line) for line in lines]

    def _limit(self, lengths: list[int]) -> None:
        if self._longest_line is not None and max(lengths) > self._longest_line:
            self.is_overrun = True
            self._received = LineBuffer()

    def _receive_once(self) -> bytes:
        size = _MOST_FDS * array.array("i").itemsize
        data, ancillary, _, _ = self._socket.recvmsg(
            _CHUNK, socket.CMSG_LEN(size), getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        )
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
                self.fds.extend(fds)
        return data

    def close(self) -> None:
        """Close this end and every descriptor that nobody took."""
        self._hang_up()
        _close_all(tuple(self.fds))
        self.fds.clear()
        self._socket.close()


def _close_all(fds: tuple[int, ...]) -> None:
    for fd in fds:
        with suppress(OSError):
            os.close(fd)
