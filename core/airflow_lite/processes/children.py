"""Children that run strangers' code: waiting for their end or a deadline, and ending with us.

Such a child leads a process group of its own, may close its pipes, flood them, or leave them to
processes that outlive it.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache

#: How often, in seconds, to look whether a child has gone, where the kernel cannot tell.
_LOOK_S = 0.02
_LARGEST_READ = 1 << 20
_PR_SET_PDEATHSIG = 1
_SIGKILL = int(signal.SIGKILL)  # an enum's member is slow to pass to C


class Pipe:
    """The reading end of a pipe, and what has come through it, or the last `keep` bytes of that."""

    def __init__(self, descriptor: int, keep: int | None = None) -> None:
        self.descriptor = descriptor
        self.received = bytearray()
        self._keep = keep

    def read(self) -> bool:
        """Take what is there; False at the end of it."""
        data = os.read(self.descriptor, _LARGEST_READ)
        self.received += data
        if self._keep is not None:
            del self.received[: -self._keep]
        return bool(data)


def run_out(
    pid: int, readers: Mapping[int, Callable[[], bool]], deadline: Callable[[], float]
) -> int | None:
    """Wait for the end of a child of ours, then kill its group; return its exit code.

    `readers` are called when there is something to read on their descriptors, until they return
    False. `deadline`, asked anew at each step, is the monotonic time by which the child must have
    ended: None is returned if it has not. An exit code below 0 is a signal.
    """
    waiting = dict(readers)
    watch = [os.pidfd_open(pid)] if hasattr(os, "pidfd_open") else []
    try:
        while not (ended := _has_ended(pid)) and (left_s := deadline() - time.monotonic()) > 0:
            _read(waiting, watch, left_s if watch else min(left_s, _LOOK_S))
    finally:
        for descriptor in watch:
            os.close(descriptor)
        code = kill(pid)
    _read(waiting, [], 0)  # what it left in the pipes, which is at most what they hold
    return code if ended else None


def _read(waiting: dict[int, Callable[[], bool]], watch: list[int], timeout_s: float) -> None:
    ready, _, _ = select.select([*waiting, *watch], [], [], timeout_s)
    for descriptor in ready:
        if descriptor in waiting and not waiting[descriptor]():
            del waiting[descriptor]


def _has_ended(pid: int) -> bool:
    """Return whether the child is gone, without reaping it: its group keeps its number."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill(pid: int) -> int:
    """Kill a child of ours with its group, whoever of it is left; return its exit code."""
    for send in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            send(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@cache
def prctl() -> Callable[[int, int], int]:
    """Return the system's `prctl`, or what does nothing where there is none.

    To be called before a fork: a child that has to look it up is a slower child.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        found: Callable[[int, int], int] = ctypes.CDLL(None).prctl
        return found
    return lambda _option, _value: 0


def die_with_parent(parent: int) -> None:
    """Be killed when `parent`, who forked this process, ends; also if it has ended already."""
    prctl()(_PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def ending(code: int) -> str:
    """Return how a child ended, by its exit code: "by SIGSEGV", or "with exit code 3"."""
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:  # one of the numbers that have no name
        return f"by signal {-code}"
