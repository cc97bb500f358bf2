"""What the system knows of processes: identity, parents, sessions, how they ended."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.processes.children import signal_name

if TYPE_CHECKING:
    from collections.abc import Iterable

# Fields of /proc/PID/stat after the command's closing parenthesis.
_PARENT, _SESSION, _START = 1, 3, 19
#: How often, in seconds, to look whether a process has ended.
_LOOK_S = 0.01
#: So long, in seconds, what a killed leader left of its session may take to end by itself.
_END_S = 3.0
#: The exit code of a child that has an outcome, and finds its line to the host closed.
UNHEARD = 97


@cache
def boot_id() -> str:
    """Return the name of this boot of the machine; empty where the system has none."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


@cache
def process_space() -> str:
    """Return what, with a pid and its start, names one process for good: boot and PID namespace.

    Containers of one machine share its boot, and may share its host name, but their pids are
    others. Where the system has no namespaces it is the boot alone.
    """
    with suppress(OSError):
        return f"{boot_id()}/{os.readlink('/proc/self/ns/pid')}"
    return boot_id()


def is_this_space(recorded: str | None) -> bool:
    """Whether pids of a recorded space mean the processes that they mean here.

    One that has no namespace was recorded by a version that did not look at it.
    """
    if isinstance(recorded, str) and recorded and "/" not in recorded:
        return recorded == boot_id()
    return recorded == process_space()


def is_earlier_boot(recorded: str | None) -> bool:
    """Whether a recorded space is of another boot of this machine."""
    return bool(recorded) and str(recorded).partition("/")[0] != boot_id()


def environment_of(pid: int) -> dict[bytes, bytes]:
    """Return the environment that a process was started with; empty where it cannot be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            lines = file.read().split(b"\0")
    except OSError:
        return {}
    return {name: value for name, _, value in (line.partition(b"=") for line in lines)}


def _stat(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return []


def process_start(pid: int) -> int | None:
    """Return when `pid` started, in clock ticks since boot; None if it is gone."""
    fields = _stat(pid)
    return int(fields[_START]) if fields else None


def is_over(pid: int) -> bool:
    """Tell whether a process has ended, reaped or not; False where the system does not tell.

    One whose first thread has ended is not over while another runs.
    """
    fields = _stat(pid)
    if not fields:
        return Path("/proc/self/stat").exists()
    if fields[0] not in {b"Z", b"X"}:
        return False
    try:
        return len(os.listdir(f"/proc/{pid}/task")) <= 1
    except OSError:
        return True


def _children_of(parent: int) -> list[int]:
    return [
        pid for pid in _processes() if (fields := _stat(pid)) and int(fields[_PARENT]) == parent
    ]


def session_members(session: int) -> list[int]:
    """Return the processes of a session: the child that leads it and what it started."""
    return [
        pid for pid in _processes() if (fields := _stat(pid)) and int(fields[_SESSION]) == session
    ]


def _processes() -> list[int]:
    entries = os.listdir("/proc") if Path("/proc/self/stat").exists() else []
    return [int(entry) for entry in entries if entry.isdigit()]


def kill_session(leader: int) -> None:
    """SIGKILL the process group of `leader` and whatever else is in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for pid in session_members(leader):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def is_stopped(pid: int) -> bool:
    """Tell whether a signal has stopped a process; False where the system does not tell."""
    return _stat(pid)[:1] == [b"T"]


def continue_group(leader: int) -> None:
    """Continue what a signal has stopped of the process group of a child of ours."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGCONT)


def end_session(leader: int) -> None:
    """See to it that what is left of a session ends whose leader, a child of ours, was killed."""
    end_all(session_members(leader), _END_S)


def end_all(pids: Iterable[int], within_s: float) -> None:
    """Wait for processes of ours that were told to end; what is stopped is continued for that.

    Those that are there after `within_s` are killed.
    """
    left = set(pids)
    for pid in left:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGCONT)
    deadline = time.monotonic() + within_s
    while left and time.monotonic() < deadline:
        left = {pid for pid in left if not _has_ended(pid)}
        if left:
            time.sleep(_LOOK_S)
    for pid in left:
        children = _children_of(pid)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
        for child in children:
            kill_session(child)


def _has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return is_over(pid)


def describe_end(code: int, *, is_stopped: bool = False) -> str:
    """Say how a process ended that reported no outcome; negative: the signal.

    With `is_stopped` the signal was ours, and no cause is guessed.
    """
    if code == UNHEARD:
        return "ended without reporting its outcome: its connection to the task host was closed"
    if code >= 0:
        return f"ended without reporting its outcome, exit code {code}"
    name = signal_name(-code) or "unknown signal"
    is_puzzling = code == -signal.SIGKILL and not is_stopped
    return f"killed by signal {-code} ({name}){_guess() if is_puzzling else ''}"


def _guess() -> str:
    from airflow_lite.processes.memory_limit import has_run_out

    if has_run_out():
        return "; its container has run out of memory"
    return "; the system may have been out of memory"
