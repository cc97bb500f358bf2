"""A small, correct executor: one process per attempt. Start from it, or read it as the contract."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.keys import RunCommand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.api.executor.task_instance import TaskInstance
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
        self.adopted: dict[TaskInstanceKey, str] = {}

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
            command,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PATH": search_path()},
            start_new_session=True,
        )
        self.running_state(key, _identity(self.children[key].pid))

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
        for key in [key for key, identity in self.adopted.items() if not _lives(identity)]:
            del self.adopted[key]
            self.fail(key, "ended; only its parent could know the exit code")

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Watch the processes of a dead scheduler that are still there; give back the rest."""
        survivors = [ti for ti in tis if _lives(ti.external_executor_id or "")]
        for ti in survivors:
            self.running.add(ti.key)
            self.adopted[ti.key] = ti.external_executor_id or ""
        return [ti for ti in tis if ti not in survivors]

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Stop the attempt's process group and forget the attempt."""
        identity = self.adopted.pop(ti.key, None)
        if identity is not None and _lives(identity):
            os.killpg(_pid(identity), signal.SIGTERM)
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
        self.adopted.clear()
        super().terminate()


def search_path() -> str:
    """Return PATH, with the folder of this Python at its end: airflow-lite is there."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), os.path.dirname(sys.executable)])


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


def _identity(pid: int) -> str:
    """Return what names a process for good: its id, and when it started; empty if it is gone."""
    fields = _stat(pid)
    return f"{pid}-{fields[19]}" if fields else ""


def _lives(identity: str) -> bool:
    pid = _pid(identity)
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX" and identity == f"{pid}-{fields[19]}"


def _pid(identity: str) -> int:
    number = identity.partition("-")[0]
    return int(number) if number.isdecimal() else 0


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
