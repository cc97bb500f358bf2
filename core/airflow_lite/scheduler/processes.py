"""Processes of lost attempts on this machine: killed only if they are surely those."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_lite.scheduler.ownership import boot_id

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)
#: Place of the start time among the fields of /proc/PID/stat after the command's parenthesis.
_START = 19


def sweep(attempts: Iterable[Any], hostname: str) -> int:
    """Kill what is left of these attempts on this machine; return how many were killed.

    An attempt has `hostname, boot_id, pid, process_start, process_group`. One of another machine,
    of an earlier boot, or whose pid is another process by now, is left alone.
    """
    boot = boot_id()
    mine = [one for one in attempts if one.hostname == hostname and one.boot_id == boot]
    return sum(_kill(one) for one in mine if one.pid)


def _kill(attempt: Any) -> bool:
    if attempt.process_start is None or start_of(attempt.pid) != attempt.process_start:
        return False
    logger.warning("killing process %d, left over of attempt %s", attempt.pid, attempt.token)
    with suppress(ProcessLookupError, PermissionError):
        if attempt.process_group and attempt.process_group != os.getpgrp():
            os.killpg(attempt.process_group, signal.SIGKILL)
        else:
            os.kill(attempt.pid, signal.SIGKILL)
    return True


def start_of(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None if there is none."""
    with suppress(OSError, ValueError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(stat.rpartition(")")[2].split()[_START])
    return None
