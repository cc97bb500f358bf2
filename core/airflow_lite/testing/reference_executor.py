"""A small, correct executor: one process per attempt. Start from it, or read it as the contract."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_lite.executors.base import BaseExecutor
from airflow_lite.keys import RunCommand

if TYPE_CHECKING:
    from airflow_lite.executors.task_instance import TaskInstance
    from airflow_lite.keys import TaskInstanceKey

logger = logging.getLogger(__name__)

#: Seconds from SIGTERM to SIGKILL of an attempt that is taken back.
KILL_GRACE_S = 2.0


class ReferenceExecutor(BaseExecutor):
    """Runs each attempt as a child process, in a process group of its own."""

    is_local = True

    def __init__(self, parallelism: int | None = None, **kwargs: Any) -> None:
        super().__init__(parallelism, **kwargs)
        self.children: dict[TaskInstanceKey, subprocess.Popen[bytes]] = {}

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Start the attempt's process; raise if it cannot be started."""
        RunCommand.parse(command)
        self.children[key] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True
        )
        self.running_state(key, str(self.children[key].pid))

    def sync(self) -> None:
        """Tell the end of each process that is over: a success only if it exited with 0."""
        for key, child in list(self.children.items()):
            code = child.poll()
            if code is None:
                continue
            del self.children[key]
            if code == 0:
                self.success(key)
            else:
                self.fail(key, f"exit code {code}")

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Stop the attempt's process group and forget the attempt."""
        child = self.children.pop(ti.key, None)
        if child is not None:
            _stop(child)
        self._forget(ti.key)

    def terminate(self) -> None:
        """Kill what runs."""
        for child in self.children.values():
            _signal(child, signal.SIGKILL)
        for child in self.children.values():
            child.wait()
        self.children.clear()
        super().terminate()


def _stop(child: subprocess.Popen[bytes]) -> None:
    _signal(child, signal.SIGTERM)
    try:
        child.wait(KILL_GRACE_S)
    except subprocess.TimeoutExpired:
        _signal(child, signal.SIGKILL)
        child.wait()


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if child.poll() is None:  # else its number may be another's by now
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
