"""What the system allows a process: how many descriptors, and when there is nothing left."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import sys
from contextlib import suppress

#: Our descriptors are at least so high, and above the limit of the process if that is not above
#: the second: the kernel's table of a process is as long as its highest one.
_HIGH, _HIGHEST = 4096, 65536
_ROOM = 16
#: The system has no process, memory or descriptor left: later it may.
_SHORTAGES = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


def is_shortage(error: OSError) -> bool:
    """Whether an operation failed since there is nothing left of what it needs, for now."""
    return error.errno in _SHORTAGES


def soft_limit() -> int:
    """Return how many descriptors this process may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def set_soft_limit(wanted: int) -> None:
    """Let this process have so many descriptors, or as many as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def raise_soft_limit() -> None:
    """Let this process have as many descriptors as it may, up to some thousands."""
    if soft_limit() < _HIGHEST:
        set_soft_limit(_HIGHEST)


def descriptors_left() -> int:
    """Return how many descriptors more this process may have."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return soft_limit() - len(os.listdir(folder))
    return soft_limit() if not os.path.exists("/dev/fd") else 0


def out_of_reach(fd: int) -> int:
    """Move a descriptor to a number that nothing closes in passing, and that no file gets later.

    Code that makes a daemon of itself closes all it might have inherited: up to its limit, or
    some thousands.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = sys.maxsize if hard == resource.RLIM_INFINITY else hard
    number = min(max(soft, _HIGH) if soft <= _HIGHEST else _HIGHEST, most - _ROOM)
    if number <= fd:
        return fd
    with suppress(OSError, ValueError):
        if soft < number + _ROOM:
            resource.setrlimit(resource.RLIMIT_NOFILE, (number + _ROOM, hard))
        try:
            moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, number)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(fd)
        return moved
    return fd
