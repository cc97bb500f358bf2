"""Which descriptors code leaves open: a fork would share their positions, and whom they talk to."""

from __future__ import annotations

import gc
import os
from contextlib import suppress

#: These have neither a position nor anyone at the other end.
_HARMLESS = frozenset(("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"))
#: What is named of many.
_MOST_NAMED = 3


def open_descriptors() -> dict[int, str]:
    """Return what each open descriptor of this process is for, as the kernel names it."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # that of the listing itself
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def left_open(before: dict[int, str]) -> list[str]:
    """Return the names of what is open and was not `before`, the first few of them."""
    if not _new(before):
        return []
    gc.collect()  # what nobody can reach any more is closed by that
    return [name.partition(":")[0] for name in _new(before)][:_MOST_NAMED]


def _new(before: dict[int, str]) -> list[str]:
    now = sorted(open_descriptors().items())
    return [name for fd, name in now if before.get(fd) != name and name not in _HARMLESS]
