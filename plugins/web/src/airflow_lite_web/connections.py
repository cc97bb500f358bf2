"""Connections of clients: those without a whole request wait apart, and keep nobody out."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

#: Connections that may be open without a request, the one that has waited longest goes first; and
#: seconds that they may be so, however often a byte comes.
MOST_WAITING, WAIT_S = 1_000, 15.0
#: Seconds in which a connection that came as the server fell asleep may still ask.
_LATE_S = 0.5


class Waiting:
    """The connections without a whole request: nothing was asked yet, or all was answered."""

    def __init__(self) -> None:
        self._timers: dict[Connection, asyncio.TimerHandle] = {}
        self._latest = time.monotonic()

    @property
    def lonely_s(self) -> float:
        """Seconds since a connection came or went; 0 while one waits."""
        return 0.0 if self._timers else time.monotonic() - self._latest

    def note(self) -> None:
        """Take note that a connection comes or goes."""
        self._latest = time.monotonic()

    def add(self, connection: Connection) -> None:
        """Let a connection wait; one more than may wait, and another is closed for it."""
        if connection in self._timers:
            return
        if len(self._timers) >= MOST_WAITING:
            longest = next(iter(self._timers))
            self.remove(longest)
            longest.transport.close()
        self._timers[connection] = connection.loop.call_later(WAIT_S, connection.transport.close)

    def remove(self, connection: Connection) -> None:
        """Have a connection wait no more."""
        timer = self._timers.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Close all of them."""
        for connection in [*self._timers]:
            connection.transport.close()


class Connection(H11Protocol):
    """A connection that counts among the server's while a request of it is answered, only then."""

    def __init__(self, waiting: Waiting, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._waiting = waiting
        waiting.note()  # before a handshake of TLS, which may take a while

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        super().connection_made(transport)
        self._sort()

    def data_received(self, data: bytes) -> None:
        """Take what came, which may have been the rest of a request."""
        super().data_received(data)
        self._sort()

    def on_response_complete(self) -> None:
        """Wait for the next request, if there is none already."""
        super().on_response_complete()
        self._sort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._waiting.remove(self)
        self._waiting.note()
        super().connection_lost(exc)

    def _sort(self) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.connections.discard(self)
            self._waiting.add(self)
        else:
            self._waiting.remove(self)
            self.connections.add(self)


class Server(uvicorn.Server):
    """A server that ends the connections that wait as it ends, and may end when nobody comes.

    `may_sleep` tells whether it does, so many seconds after the last connection.
    """

    def __init__(
        self, config: uvicorn.Config, waiting: Waiting, may_sleep: Callable[[float], bool]
    ) -> None:
        super().__init__(config)
        self._waiting = waiting
        self._may_sleep = may_sleep

    async def on_tick(self, counter: int) -> bool:
        """Return whether this is the end; uvicorn asks ten times a second."""
        if await super().on_tick(counter):
            return True
        if counter == 0:
            self._waiting.note()  # whoever woke it is not let in yet
        if self.server_state.connections or self.server_state.tasks:
            return False
        if not self._may_sleep(self._waiting.lonely_s):
            return False
        for server in self.servers:
            server.close()  # who connects from here on is served by the next process
        await asyncio.sleep(_LATE_S)
        return True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was asked, and close all."""
        self._waiting.close()
        await super().shutdown(sockets)
