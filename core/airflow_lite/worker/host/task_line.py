"""The host's end of what the processes of one attempt say: bounded, parsed and checked."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import send, unpacked
from airflow_lite.worker.host.said import BadLineError, checked
from airflow_lite.worker.messages import AT_DOOR, FROM_CHILD, FROM_FORKED, AcceptLines, Ask, Begin

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from airflow_lite.processes.packing import Kinds
    from airflow_lite.worker.host.zygote_pool import Watcher
    from airflow_lite.worker.messages import ChildMessage

#: Most bytes of one line, beside those of an XCom, each of which may take two as JSON.
_LONGEST = 16 << 20
#: So many processes of one attempt may have a line at once: each costs this one a descriptor.
MOST_LINES = 256


class TaskLine:
    """The line of an attempt's process, and one for each process that forked from it.

    `hear` is called when there is something to receive. User code has the other ends in its hands:
    what it sends is its attempt's own trouble.
    """

    def __init__(
        self, end: socket.socket, watcher: Watcher, hear: Callable[[], None], most_xcom_bytes: int
    ) -> None:
        self._watcher = watcher
        self._hear = hear
        self._most_xcom_bytes = most_xcom_bytes
        self._longest = _LONGEST + 2 * most_xcom_bytes
        self._door: Channel | None = None
        self._forked: list[Channel] = []
        self._own = self._watched(end)

    def _watched(self, end: socket.socket) -> Channel:
        channel = Channel(end, self._longest)
        self._watcher.watch(channel, self._hear)
        return channel

    @property
    def is_closed(self) -> bool:
        """Whether the attempt's own process says nothing any more."""
        return self._own.is_closed

    def begin(self, at: float) -> None:
        """Let the attempt's own process run its code; `at` is the monotonic time."""
        send(self._own, Begin(at))

    def receive(self) -> list[tuple[Channel, ChildMessage]]:
        """Return what was said, and by whom; raise `BadLineError` for what is no message.

        What a process said before another asked, or reported, is always among it: with more than
        one of them it is looked again until nobody asks.
        """
        said = new = self._look()
        while self._forked and any(isinstance(message, Ask) for _, message in new):
            new = self._look()
            said = [*said, *new]
        return said

    def _look(self) -> list[tuple[Channel, ChildMessage]]:
        own = self._received(self._own, FROM_CHILD)
        for message in own:
            if isinstance(message, AcceptLines):
                self._open_door()
        _refuse_descriptors(self._own)
        if self._door is not None:
            self._let_in(self._door)
        forked = [
            (channel, message)
            for channel in self._forked
            for message in self._received(channel, FROM_FORKED)
        ]
        for channel in [channel for channel in self._forked if channel.is_closed]:
            self._forked.remove(channel)
            self._close(channel)
        return [*forked, *((self._own, message) for message in own)]

    def _received(self, channel: Channel, kinds: Kinds[Any]) -> list[Any]:
        said = channel.receive()
        if channel.is_overrun:
            raise BadLineError(f"a line of more than {self._longest} bytes")
        if None in said:
            raise BadLineError("a line that is no JSON")
        try:
            messages = [unpacked(parts, kinds) for parts in said]
        except ValueError as error:
            raise BadLineError(str(error)) from error
        for message in messages:
            checked(message, self._most_xcom_bytes)
        return messages

    def _open_door(self) -> None:
        if self._door is not None:
            raise BadLineError("a second socket for lines")
        if self._own.fds:  # else there was no descriptor left for it: whoever needs it is told
            self._door = self._watched(socket.socket(fileno=self._own.fds.popleft()))

    def _let_in(self, door: Channel) -> None:
        for _ in self._received(door, AT_DOOR):
            if len(self._forked) >= MOST_LINES:
                raise BadLineError(f"lines of more than {MOST_LINES} processes at once")
            if door.fds:
                self._forked.append(self._watched(socket.socket(fileno=door.fds.popleft())))
        _refuse_descriptors(door)

    def _close(self, channel: Channel) -> None:
        self._watcher.unwatch(channel)
        channel.close()

    def close(self) -> None:
        """Hear none of the attempt's processes any more."""
        for channel in (self._own, self._door, *self._forked):
            if channel is not None:
                self._close(channel)
        self._forked.clear()


def _refuse_descriptors(channel: Channel) -> None:
    if channel.fds:
        raise BadLineError("descriptors that no message goes with")
