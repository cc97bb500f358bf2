"""A guard that ends what tasks started, should the process that ran them in itself be killed.

The guard is this file, run by its path and without this package, so that it starts at once:
`python -I -S orphan_guard.py PID MARK`. When PID is gone it kills every process of this user whose
environment has MARK. Whoever started it and ends as it should ends it first.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Killed processes go by and by, and may have forked meanwhile: it is looked again so many times.
_MOST_LOOKS, _PAUSE_S = 100, 0.05


@contextmanager
def guard_orphans() -> Iterator[None]:
    """Have what is started in this block ended by another process, should this one be killed."""
    if not hasattr(os, "pidfd_open"):  # it takes Linux
        yield
        return
    import subprocess
    import uuid

    from airflow_lite.authoring.operators.programs import GUARD_MARK

    mark = uuid.uuid4().hex
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(os.getpid()), f"{GUARD_MARK}={mark}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,  # what is typed at the terminal is not for it
    )
    os.environ[GUARD_MARK] = mark
    try:
        yield
    finally:
        os.environ.pop(GUARD_MARK, None)
        guard.kill()
        guard.wait()


def main(pid: int, mark: str) -> None:
    """Wait for the end of the process; `mark` is `NAME=value`."""
    with suppress(ProcessLookupError):
        ward = os.pidfd_open(pid)
        if os.getppid() == pid:  # another process may have got its number already
            select.select([ward], [], [])
    end_marked(mark.encode())


def end_marked(mark: bytes) -> None:
    """Kill every process whose environment has `mark`, until there is none."""
    for _ in range(_MOST_LOOKS):
        if not [name for name in os.listdir("/proc") if name.isdigit() and _end(int(name), mark)]:
            return
        time.sleep(_PAUSE_S)


def _end(pid: int, mark: bytes) -> bool:
    """Kill a process if it has the mark; return whether it had."""
    with suppress(OSError):
        handle = os.pidfd_open(pid)  # before its environment is read: numbers are used again
        try:
            if _has(pid, mark):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                return True
        finally:
            os.close(handle)
    return False


def _has(pid: int, mark: bytes) -> bool:
    with open(f"/proc/{pid}/environ", "rb") as file:  # that of others cannot be read
        return mark in file.read().split(b"\0")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
