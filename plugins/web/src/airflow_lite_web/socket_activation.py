"""Serving by a child that ends when nobody has asked for a while: the next connection has another.

This process holds the listening socket, and imports nothing of what serving needs, so that it is
small. Connections that come while no child runs wait in the socket's backlog.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from airflow_lite.processes.backoff import Backoff
from airflow_lite.processes.children import Child, End, die_with_parent
from airflow_lite.processes.waker import Waker

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Added to the number of a signal that ended a process, as a shell shows it.
_BY_SIGNAL = 128
#: Seconds until a server that could not begin is tried again, doubled up to the longest.
_FIRST_DELAY_S, _LONGEST_DELAY_S = 1.0, 30.0


class SocketActivation:
    """Has a listening socket served; for the main thread of a process that has no other."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._child: Child | None = None
        self._has_served = False
        self._signal: int | None = None
        self._handlers: dict[signal.Signals, Any] = {}
        self._backoff = Backoff(_FIRST_DELAY_S, _LONGEST_DELAY_S)

    def run(self, serve: Callable[..., int]) -> int:
        """Serve until a signal asks for the end, or a child dies; return the exit code.

        `serve(is_first=…)` is what a child does; what it returns, this returns there. Where a later
        one cannot begin, as in an outage of the database, another is tried.
        """
        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
                self._handlers[number] = signal.signal(number, self._hear)
        while True:
            if self._fork():
                return serve(is_first=not self._has_served)
            end = self._end_of_child()
            if not self._goes_on(end):
                return self._exit_code(end)
            self._sleep()
            if self._signal is not None:
                return self._exit_code(End(0))

    def _hear(self, number: int, _: object) -> None:
        """Pass a signal on; the child is not in the group that a terminal sends it to."""
        self._signal = number
        if self._child is not None:
            gentle = signal.SIGTERM if number == signal.SIGHUP else signal.Signals(number)
            self._child.signal(gentle)

    def _fork(self) -> bool:
        """Fork a child, which leads a group of its own; return whether this is the child."""
        parent = os.getpid()
        self._child = None
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # until somebody can hear them
        try:
            pid = self._forked()
            if pid:
                self._child = Child(pid)
            elif pid == 0:
                die_with_parent(parent)
                for number, handler in self._handlers.items():
                    signal.signal(number, handler)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid == 0

    def _forked(self) -> int | None:
        """Return what `os.fork` does; None where no process can be had for now."""
        try:
            pid = os.fork()
        except OSError as error:
            if not self._has_served:
                raise
            _tell(f"The web server cannot be started: {error.strerror}.")
            return None
        os.setpgid(pid, pid)  # on both sides: either may come first
        return pid

    def _end_of_child(self) -> End:
        if self._child is None:
            return End(1)
        self._child.wait(lambda: math.inf)
        end = self._child.poll()
        assert end is not None  # it was waited for
        return end

    def _goes_on(self, end: End) -> bool:
        if self._signal is not None:
            return False
        if end.code == 0:
            self._has_served = True
            self._backoff.succeed()
            return True
        if end.code < 0 or not self._has_served:
            return False
        delay_s = self._backoff.fail(time.monotonic())
        _tell(f"The web server ended {end}. It is tried again in {delay_s:g} s, for who waits.")
        return True

    def _exit_code(self, end: End) -> int:
        if end.code < 0:
            if self._signal is None:
                _tell(f"The web server was ended {end}.")
            return _BY_SIGNAL - end.code
        if self._signal == signal.SIGHUP:
            return _BY_SIGNAL + signal.SIGHUP
        return end.code

    def _sleep(self) -> None:
        """Wait for a connection, after a failure for a while first; or for a signal."""
        waker = Waker()
        waker.wake_on_signals()
        try:
            while self._signal is None and (left_s := self._backoff.left_s(time.monotonic())):
                waker.wait(left_s)
            waker.watch(self._listener.fileno())
            if self._signal is None:
                waker.wait(None)
        finally:
            waker.close()


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command's own
