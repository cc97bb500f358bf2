"""What processes that fork have in common: how they serve the host, and hear of their children."""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_lite.processes.proc import kill_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from airflow_lite.processes.channel import Channel


#: What ends a process unless it asked otherwise, and what any child can send to its parent.
_ENDING = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


class Reaper:
    """A pipe that is readable when a child has ended, and the ends of those children."""

    def __init__(self) -> None:
        self.fd, self._write = os.pipe()
        for end in (self.fd, self._write):
            os.set_blocking(end, False)
        self._before: dict[signal.Signals, Any] = {}
        self.arm()

    def arm(self) -> None:
        """Hear of children, whatever the code that was imported meanwhile made of signals."""
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        signal.signal(signal.SIGCHLD, _do_nothing)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def deafen(self) -> None:
        """Let no signal end this process: it ends with its host, and takes its children along.

        A task may well send one to its parent. Not by SIG_IGN, which programs inherit.
        """
        for number in _ENDING:
            before = signal.getsignal(number)
            if before is not None:  # else it is taken by what is not Python
                self._before[number] = before
                signal.signal(number, _do_nothing)

    def ended(self) -> list[tuple[int, int]]:
        """Return (pid, exit code; negative: signal) of what ended; kills what such a one left."""
        with suppress(BlockingIOError):
            os.read(self.fd, 4096)
        ends: list[tuple[int, int]] = []
        while True:
            try:
                seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return ends
            if seen is None:
                return ends
            if seen.si_status != 0:
                kill_session(seen.si_pid)  # before it is reaped: the number is still its own
            pid, status = os.waitpid(seen.si_pid, 0)
            ends.append((pid, os.waitstatus_to_exitcode(status)))

    def fork(self) -> int:
        """Fork. What would end the child waits until it has closed this."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid != 0:
                signal.pthread_sigmask(signal.SIG_SETMASK, ())
        return pid

    def close(self) -> None:
        """Give up the pipe, in a child, which takes signals as it did before `deafen`."""
        signal.set_wakeup_fd(-1)
        for number, before in self._before.items():
            signal.signal(number, before)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self.fd)
        os.close(self._write)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Take a signal that is not to end this process."""


def serve(
    channel: Channel,
    reaper: Reaper,
    hear: Callable[[], None],
    ended: Callable[[int, int], None],
    patience_s: Callable[[], float | None] = lambda: None,
    rest: Callable[[], None] = lambda: None,
) -> None:
    """Serve until the host goes away: `hear` takes what it sent, `ended` the end of a child.

    `rest` is called where nothing came for `patience_s()`.
    """
    while not channel.is_closed:
        waiting = [channel] if channel.has_unsent else []
        watched: list[Channel | int] = [channel, reaper.fd]
        readable, writable, _ = select.select(watched, waiting, [], patience_s())
        if not readable and not writable:
            rest()
        if writable:
            channel.flush()
        if channel in readable:
            hear()
        if reaper.fd in readable:
            for pid, code in reaper.ended():
                ended(pid, code)


def in_child(act: Callable[[], None]) -> NoReturn:
    """Act, and end this process: what a forked process does."""
    try:
        act()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def flush(channel: Channel) -> None:
    """Send all that is queued, waiting as long as the host lives."""
    while channel.has_unsent and not channel.is_closed:
        select.select([], [channel], [])
        channel.flush()
