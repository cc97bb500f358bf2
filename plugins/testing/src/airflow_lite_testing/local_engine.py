"""The `Engine` of the executors that run attempts by a task host of this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_lite.processes.programs import Program
from airflow_lite_testing.processes import Process, descendants, is_alive, kill

if TYPE_CHECKING:
    from collections.abc import Mapping

_END_S = 30.0
_POLL_S = 0.02


class LocalEngine:
    """Kills task hosts. It cannot be cut off: what an executor has of them are its own children."""

    def start(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Start nothing: an executor starts its own task host."""
        return {}

    def stop(self) -> None:
        """Stop nothing."""

    def kill_worker(self) -> None:
        """Kill the task hosts of this process's executors, which start others by themselves."""
        hosts = [process for process in descendants() if _is_host(process)]
        for host in hosts:
            kill(host.pid)
        end = time.monotonic() + _END_S
        while any(is_alive(host.pid) for host in hosts):
            assert time.monotonic() < end, f"{hosts} did not end in {_END_S:g} s"
            time.sleep(_POLL_S)


def _is_host(process: Process) -> bool:
    return Program.TASK_HOST in process.words
