"""HTTP for the log server, on connections that are cut when the client is too slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

#: Seconds that a request may take to come, and a piece of an answer to be taken.
WAIT_S = 30.0


class PatientProtocol(H11Protocol):
    """A connection that nobody can hold by sending half a request, or by not reading the answer."""

    _request: asyncio.TimerHandle | None = None
    _answer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # pause_writing comes at the first byte not taken
        self._request = self._cut_later(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._request = _cancelled(self._request)
        self._answer = _cancelled(self._answer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Go on waiting unless there is a whole request now."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._request = self._request or self._cut_later(None)
        else:
            self._request = _cancelled(self._request)

    def pause_writing(self) -> None:
        """Wait for what was written to be taken."""
        super().pause_writing()
        self._answer = self._cut_later(self._answer)

    def resume_writing(self) -> None:
        """Wait no more: it was taken."""
        super().resume_writing()
        self._answer = _cancelled(self._answer)

    def _cut_later(self, earlier: asyncio.TimerHandle | None) -> asyncio.TimerHandle:
        _cancelled(earlier)
        return self.loop.call_later(WAIT_S, self.transport.abort)


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer, if it is set; return None."""
    if timer is not None:
        timer.cancel()
    return None
