"""What the kernel tells of processes, and how to run and await them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path


class KubeError(Exception):
    """Say in one line what went wrong and where to look."""


def argv_of(pid: int) -> list[str]:
    """Return a process's command line; empty for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def pids() -> list[int]:
    """Return all processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def state_of(pid: int) -> tuple[str, int]:
    """Return a process's state letter and resident megabytes."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "gone", 0
    state = re.search(r"State:\s+(\S)", text)
    resident = re.search(r"VmRSS:\s+(\d+)", text)
    return state[1] if state else "gone", int(resident[1]) // 1024 if resident else 0


def alive(pid: int) -> bool:
    """Whether a process has not ended."""
    return state_of(pid)[0] not in ("gone", "Z", "X")


def has_ended(pid: int) -> bool:
    """Whether all of a process has: its first thread may be over while others hold its ports."""
    if alive(pid):
        return False
    with contextlib.suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/task")) <= 1
    return True


def started_at(pid: int) -> float:
    """Return the Unix time at which a process started."""
    with contextlib.suppress(OSError):
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        boot = Path("/proc/stat").read_text().partition("btime ")[2].split()[0]
        return int(boot) + int(ticks) / os.sysconf("SC_CLK_TCK")
    return 0


def wait_for(what: str, check: Callable[[], object], timeout_s: float) -> None:
    """Poll until `check` returns something true; a KubeError that it raises ends the wait."""
    deadline = time.monotonic() + timeout_s
    while not check():
        if time.monotonic() > deadline:
            raise KubeError(f"{what} did not happen within {timeout_s:g} s")
        time.sleep(0.05)


def run(*argv: str, env: dict[str, str] | None = None) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(argv, env=env, text=True, capture_output=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise KubeError(f"{' '.join(argv[:4])} ...: exit {done.returncode}: {lines[-1]}")
    return done.stdout


def in_network(pid: int, act: Callable[[], socket.socket]) -> socket.socket:
    """Let `act` make a socket in a process's network; the socket stays there, the caller here."""
    made: list[socket.socket | OSError] = []

    def work() -> None:
        try:
            namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(namespace, 0x40000000):
                    raise OSError(ctypes.get_errno(), "setns")
                made.append(act())
            finally:
                os.close(namespace)
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def last_line(path: Path) -> str:
    """Return the end of a log, for a message."""
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1][:300] if lines else "no log"


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
