"""Processes of this machine that the store knows of: whether they live, and how they are killed.

A row has `hostname, boot_id, pid, process_start`, which together name one process for good;
`boot_id` is what `proc.process_space` returns.
"""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_lite.processes.proc import (
    environment_of,
    is_earlier_boot,
    is_over,
    is_this_space,
    process_start,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

logger = logging.getLogger(__name__)


def is_gone(row: Any, hostname: str) -> bool:
    """Tell whether a process is surely not there any more.

    Of another machine, or of another PID namespace of this one, nobody here knows: its beats tell.
    """
    if row.hostname != hostname:
        return False
    if is_earlier_boot(row.boot_id):
        return True
    if row.boot_id and not is_this_space(row.boot_id):
        return False
    known = isinstance(row.process_start, int) and isinstance(row.pid, int)
    return known and not _runs(row)


def sweep(attempts: Iterable[Any], hostname: str, home: Path) -> int:
    """Kill what is left of these attempts on this machine; return how many were killed.

    One of another machine or PID namespace, of an earlier boot, or whose pid is another process by
    now, is left alone; and so is one of another home, of which this one is a copy.
    """
    there = [one for one in attempts if _is_there(one, hostname)]
    return sum(_kill(one) for one in there if not _is_of_another(one.pid, home))


def _is_there(one: Any, hostname: str) -> bool:
    if not isinstance(one.process_start, int) or not isinstance(one.pid, int) or one.pid <= 1:
        return False
    if one.hostname != hostname or not is_this_space(one.boot_id):
        return False
    return _runs(one)


def _runs(one: Any) -> bool:
    """Whether a recorded process of this space runs; one that nobody has reaped yet is over."""
    return process_start(one.pid) == one.process_start and not is_over(one.pid)


def _is_of_another(pid: int, home: Path) -> bool:
    """Tell whether a process was started for a home that is there and is not this one."""
    named = environment_of(pid).get(b"AIRFLOW_LITE_HOME")
    try:
        return named is not None and not os.path.samefile(os.path.expanduser(named), home)
    except OSError:
        return False  # it was moved, maybe to here


def _kill(attempt: Any) -> bool:
    logger.warning("killing process %d, left over of attempt %s", attempt.pid, attempt.token)
    group = attempt.process_group
    with suppress(ProcessLookupError, PermissionError):
        # To the group 1 a signal is to every process there is.
        if group == os.getpgid(attempt.pid) and group not in {1, os.getpgrp()}:
            os.killpg(group, signal.SIGKILL)
        else:
            os.kill(attempt.pid, signal.SIGKILL)
    return True
