"""MyExecutor: each attempt is a process on the scheduler's machine.

Replace the processes by what your engine has. The methods run on one thread; none may block for
long. To tell whether the contract still holds:

    airflow-lite executors certify MyExecutor
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_lite.executors import BaseExecutor

if TYPE_CHECKING:
    from airflow_lite.executors import TaskInstance, TaskInstanceKey


class MyExecutor(BaseExecutor):
    """Runs each attempt as a child process, in a process group of its own."""

    is_local = True
    supports_sentry = True  # as whatever runs the command that it is given

    def __init__(self) -> None:
        super().__init__()
        self.processes: dict[TaskInstanceKey, subprocess.Popen[bytes]] = {}
        self.kill_grace_s = 5.0

    def start(self) -> None:
        """Read the options; connect to the engine, if there is one."""
        self.kill_grace_s = self.config.getfloat(
            "my_executor",
            "kill_grace_s",
        )

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Start an attempt, and return at once. What it raises has the attempt tried again."""
        self.processes[key] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PATH": search_path()},
            start_new_session=True,
        )

    def sync(self) -> None:
        """Tell of each attempt that has ended; 0 means that its outcome is recorded."""
        for key, process in list(self.processes.items()):
            code = process.poll()
            if code is None:
                continue
            del self.processes[key]
            if code == 0:
                self.success(key)
            else:
                self.fail(key, f"exit code {code}")

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Stop an attempt that is not wanted any more."""
        super().revoke_task(ti=ti)
        process = self.processes.pop(ti.key, None)
        if process is None:
            return
        _signal(process, signal.SIGTERM)
        try:
            process.wait(self.kill_grace_s)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
            process.wait()

    def terminate(self) -> None:
        """Kill what still runs: the scheduler was told to stop for the second time."""
        for process in self.processes.values():
            _signal(process, signal.SIGKILL)
        for process in self.processes.values():
            process.wait()
        self.processes.clear()
        super().terminate()


def search_path() -> str:
    """Return PATH, with the folder of this Python at its end: airflow-lite is there."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), os.path.dirname(sys.executable)])


def which_airflow_lite() -> str | None:
    """Return the program that runs a task, if it is there."""
    return shutil.which("airflow-lite", path=search_path())


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:  # else its number may be another's by now
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
