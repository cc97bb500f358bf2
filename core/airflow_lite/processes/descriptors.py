"""How many descriptors a process may have, and which numbers they get."""

from __future__ import annotations

import fcntl
import os
import resource
import sys
from contextlib import suppress

#: Our descriptors are at least so high, and above the limit of the process if that is not above
#: the second: the kernel's table of a process is as long as its highest one.
_HIGH, _HIGHEST = 4096, 65536
_ROOM = 16


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
