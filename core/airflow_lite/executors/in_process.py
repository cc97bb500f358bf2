"""Attempts in this very process, one at a time: what `dags test` runs on."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from airflow_lite.api.executor.base import BaseExecutor
from airflow_lite.api.executor.events import Requeue

if TYPE_CHECKING:
    from airflow_lite.keys import TaskInstanceKey


class InProcessExecutor(BaseExecutor):
    """Runs one attempt on each heartbeat, on the thread that calls it."""

    is_local = True
    is_single_threaded = True
    is_production = False
    runs_in_process = True
    supports_pickling = False
    name = "InProcessExecutor"

    def __init__(self, *, uses_pdb: bool = False) -> None:
        super().__init__(parallelism=1)
        self._uses_pdb = uses_pdb
        self._taken: deque[tuple[TaskInstanceKey, list[str]]] = deque()

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Take the attempt for the next `sync`."""
        self._taken.append((key, command))

    def sync(self) -> None:
        """Run what was taken, to its end; its outcome is in the store then."""
        from airflow_lite.worker.in_process.attempt import run_attempt

        while self._taken:
            key, command = self._taken.popleft()
            try:
                run_attempt(command, self.config, pdb=self._uses_pdb)
            except Exception as error:
                self.fail(key, Requeue(f"{type(error).__name__}: {error}"))
                raise
            self.success(key)

    def end(self) -> None:
        """Wait for nothing: what was taken and not run stays queued."""
        self._taken.clear()
