"""HTTP for the log server, on connections that are cut when the client is too slow.

Who connects and asks for nothing keeps nobody out: of those that wait, the oldest makes room.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds that a request may take to come, and a piece of an answer to be taken.
WAIT_S = 30.0
#: Connections at once whose request has not come. One that asks does so at once.
MOST_WAITING = 64
#: Connections that are cut are told of together, so many seconds after the first could be.
_TELL_S = 5.0


class Crowd:
    """The connections of one server that wait for a request, and how many of all were cut."""

    def __init__(self) -> None:
        self._waiting: dict[PatientProtocol, None] = {}  # the oldest first
        self._cut = 0
        self._tell: asyncio.TimerHandle | None = None

    def add(self, connection: PatientProtocol) -> None:
        """Let a connection wait for a request; the oldest is cut where too many do."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = None
        if len(self._waiting) > MOST_WAITING:
            next(iter(self._waiting)).cut()

    def discard(self, connection: PatientProtocol) -> None:
        """Take note that a connection does not wait any more."""
        self._waiting.pop(connection, None)

    def count_cut(self, loop: asyncio.AbstractEventLoop) -> None:
        """Count a connection that was cut, and say so later, in one line for all of a while."""
        self._cut += 1
        if self._tell is None:
            self._tell = loop.call_later(WAIT_S + _TELL_S, self.tell)

    def tell(self) -> None:
        """Say how many were cut since it was last said."""
        if self._tell is not None:
            self._tell.cancel()
            self._tell = None
        if self._cut:
            print(  # noqa: T201 - this is a program's
                f"airflow-lite: the log server cut {self._cut} connections that asked for nothing,"
                " or did not take their answer",
                file=sys.stderr,
                flush=True,
            )
            self._cut = 0


class PatientProtocol(H11Protocol):
    """A connection that nobody can hold by sending half a request, or by not reading the answer."""

    _request: asyncio.TimerHandle | None = None
    _answer: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, crowd: Crowd, **options: Any) -> None:
        super().__init__(*args, **options)
        self._crowd = crowd

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # pause_writing comes at the first byte not taken
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        self._answer = _cancelled(self._answer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Go on waiting unless there is a whole request now."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            if self._request is None:
                self._wait_for_request()
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request on a connection that stays open."""
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle.response_complete:
            self._wait_for_request()

    def pause_writing(self) -> None:
        """Wait for what was written to be taken."""
        super().pause_writing()
        self._answer = self._cut_later(self._answer)

    def resume_writing(self) -> None:
        """Wait no more: it was taken."""
        super().resume_writing()
        self._answer = _cancelled(self._answer)

    def cut(self) -> None:
        """End the connection at once, and count it."""
        self._stop_waiting()
        self._crowd.count_cut(self.loop)
        self.transport.abort()

    def _wait_for_request(self) -> None:
        self._request = self._cut_later(self._request)
        self._crowd.add(self)

    def _stop_waiting(self) -> None:
        self._request = _cancelled(self._request)
        self._crowd.discard(self)

    def _cut_later(self, earlier: asyncio.TimerHandle | None) -> asyncio.TimerHandle:
        _cancelled(earlier)
        return self.loop.call_later(WAIT_S, self.cut)


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer, if it is set; return None."""
    if timer is not None:
        timer.cancel()
    return None
