"""A child that is forked before its attempt comes, so that a chain of tasks waits for no fork.

It has also run a task that does nothing: the memory that every attempt writes to is its own by
then, and no page of it must be copied any more. So an attempt in it takes half the time.
"""

from __future__ import annotations

import os
import select
import socket
import time
from typing import TYPE_CHECKING

from airflow_lite.processes.channel import Channel, encoded
from airflow_lite.processes.packing import packed, receive
from airflow_lite.processes.proc import kill_session
from airflow_lite.worker.messages import TO_CHILD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.worker.messages import ChildOrder

#: A preforked child that nothing came for in so many seconds ends: a zygote at rest has none.
IDLE_S = 2.0
#: Most seconds that a preforked child takes to accept an attempt.
_ACCEPT_S = 10.0


class PreforkedChild:
    """A preforked child, as its zygote sees it."""

    def __init__(self, pid: int, end: socket.socket) -> None:
        end.settimeout(_ACCEPT_S)
        self.pid = pid
        self._end = end
        self._idle_from = time.monotonic()

    @property
    def idle_left_s(self) -> float:
        """Seconds until it has waited for long enough."""
        return max(self._idle_from + IDLE_S - time.monotonic(), 0.0)

    def hand_over(self, order: ChildOrder, fds: Sequence[int]) -> None:
        """Give it an attempt; a child that does not take it is killed, and so it ends."""
        data = encoded(packed(order))
        try:
            sent = socket.send_fds(self._end, [data], list(fds))
            if sent < len(data):  # it has hung up once it has the whole
                self._end.sendall(data[sent:])
        except OSError:
            kill_session(self.pid)
        self.forget()

    def forget(self) -> None:
        """Close the line to it: one that has no attempt ends by that."""
        self._end.close()


def await_order(end: socket.socket) -> tuple[ChildOrder, list[int]]:
    """Wait in a preforked child for its attempt; return that and its descriptors.

    Ends with the zygote.
    """
    channel = Channel(end)
    while True:
        select.select([channel], [], [])
        for order in receive(channel, TO_CHILD):
            fds = list(channel.fds)
            channel.fds.clear()
            channel.close()
            return order, fds
        if channel.is_closed:
            os._exit(0)
