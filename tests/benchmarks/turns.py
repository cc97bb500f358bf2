"""Turns of a benchmark: seconds, and the CPU time that a task cost in each kind of process."""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
#: The roles whose ended children are counted as a role of their own.
FORKING = {"raw helpers", "zygotes"}


class Turn(NamedTuple):
    """What one run of all tasks took: seconds, and milliseconds of CPU time for each task."""

    seconds: float
    cpu_ms: float


def counted(name, act, tasks, look):
    """Return what `act` took, and print it beside the CPU seconds that `look()` tells by role."""
    before = look()
    seconds = act()
    each_ms = {role: (much - before.get(role, 0)) * 1000 / tasks for role, much in look().items()}
    parts = ", ".join(f"{role} {much:.2f}" for role, much in each_ms.items() if much >= 0.05)
    cpu_ms = sum(each_ms.values())
    print(f"  {name} {seconds:.2f} s; CPU {cpu_ms:.2f} ms a task: {parts}", flush=True)
    return Turn(seconds, cpu_ms)


def cpu_of(home, roles):
    """Return the CPU seconds so far of the home's processes and of this one, by role.

    A role is told by a part of the command line; a zygote is a fork of its task host.
    """
    used = {"client": sum(os.times()[:2])}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or entry.name == str(os.getpid()):
            continue
        try:
            if f"AIRFLOW_LITE_HOME={home}".encode() not in (entry / "environ").read_bytes():
                continue
            fields = stat_of(entry)
            role = _role_of(entry, fields[1].decode(), roles)
        except OSError:
            continue
        own, children = seconds_of(fields)
        used[role] = used.get(role, 0.0) + own
        if role in FORKING:
            used["children"] = used.get("children", 0.0) + children
    return used


def stat_of(entry):
    """Return the fields of a process from its state on."""
    return (entry / "stat").read_bytes().rpartition(b")")[2].split()


def seconds_of(fields):
    """Return the CPU seconds of a process, and of its children that have ended."""
    return [sum(map(int, fields[at : at + 2])) / TICKS for at in (11, 13)]


def _role_of(entry, parent, roles):
    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    if (
        "worker.host.main" in line
        and "worker.host.main" in Path(f"/proc/{parent}/cmdline").read_text()
    ):
        return "zygotes"
    return next((role for part, role in roles if part in line), "other")


def report(name, tasks, turns):
    """Print best and median of the turns."""
    seconds = [turn.seconds for turn in turns]
    best, middle = tasks / min(seconds), tasks / statistics.median(seconds)
    cpu_ms = statistics.median(turn.cpu_ms for turn in turns)
    print(
        f"{name:24} {tasks} tasks: {best:6.0f} tasks/s best, {middle:6.0f} median, "
        f"{cpu_ms:.2f} ms of CPU a task",
        flush=True,
    )


def ratios(other, ours):
    """Yield what is compared, and how ours does: 1 is as well as the other."""
    for number, what in enumerate(("throughput", "CPU time")):
        medians = [statistics.median(turn[number] for turn in turns) for turns in (other, ours)]
        yield what, medians[0] / medians[1]
