"""What a process owns, by /proc: children, descriptors, threads, command lines."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """One process as /proc shows it; `words` is its command line, empty for a zombie."""

    pid: int
    ppid: int
    state: str
    words: tuple[str, ...]


def processes() -> list[Process]:
    """Return every process that can be seen."""
    found = (_process(name) for name in os.listdir("/proc") if name.isdigit())
    return [process for process in found if process is not None]


def _process(name: str) -> Process | None:
    folder = Path("/proc", name)
    try:
        stat = (folder / "stat").read_text(errors="replace")
        line = (folder / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return None  # it ended meanwhile
    state, ppid = stat.rpartition(")")[2].split()[:2]
    return Process(int(name), int(ppid), state, tuple(line.split("\0")[:-1]))


def descendants(pid: int | None = None) -> list[Process]:
    """Return the children of a process, of this one by default, with theirs and so on."""
    everything = processes()
    found: list[Process] = []
    parents = {os.getpid() if pid is None else pid}
    while parents:
        children = [process for process in everything if process.ppid in parents]
        found += children
        parents = {process.pid for process in children}
    return found


def is_alive(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    process = _process(str(pid))
    return process is not None and process.state not in "ZX"


def kill(pid: int) -> None:
    """Kill one process that may be gone already."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


class Belongings(NamedTuple):
    """What this process has now: threads by name, ids of children, open descriptors by target."""

    threads: frozenset[threading.Thread]
    children: frozenset[int]
    descriptors: int


def belongings() -> Belongings:
    """Take stock of this process."""
    return Belongings(
        frozenset(thread for thread in threading.enumerate() if thread.is_alive()),
        frozenset(process.pid for process in descendants()),
        len(os.listdir("/proc/self/fd")),
    )
