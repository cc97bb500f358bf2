"""What the system knows of processes: identity, parents, sessions, how they ended."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import cache
from pathlib import Path

from airflow_lite.processes.children import signal_name

# Fields of /proc/PID/stat after the command's closing parenthesis.
_SESSION, _START = 3, 19
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


def _stat(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return []


def process_start(pid: int) -> int | None:
    """Return when `pid` started, in clock ticks since boot; None if it is gone."""
    fields = _stat(pid)
    return int(fields[_START]) if fields else None


def is_over(pid: int) -> bool:
    """Tell whether a process has ended, reaped or not; False where the system does not tell."""
    fields = _stat(pid)
    if fields:
        return fields[0] in {b"Z", b"X"}
    return Path("/proc/self/stat").exists()


def session_members(session: int) -> list[int]:
    """Return the processes of a session: the child that leads it and what it started."""
    found = []
    for entry in os.listdir("/proc") if Path("/proc/self/stat").exists() else []:
        if entry.isdigit():
            fields = _stat(int(entry))
            if fields and int(fields[_SESSION]) == session:
                found.append(int(entry))
    return found


def kill_session(leader: int) -> None:
    """SIGKILL the process group of `leader` and whatever else is in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for pid in session_members(leader):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


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
    hint = "; the system may have been out of memory" if is_puzzling else ""
    return f"killed by signal {-code} ({name}){hint}"
