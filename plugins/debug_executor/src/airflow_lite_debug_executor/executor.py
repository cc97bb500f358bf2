"""DebugExecutor: one task after the other, in the process and on the thread that schedules."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from airflow_lite.executors import BaseExecutor, Refused, TaskInstanceState

if TYPE_CHECKING:
    from airflow_lite.executors import TaskInstanceKey


class DebugExecutor(BaseExecutor):
    """Runs tasks where a breakpoint works; for development alone.

    Takes one task at a time, so that the others do not count as queued, and stuck, while one
    waits at a breakpoint.
    """

    is_local = True
    is_single_threaded = True
    is_production = False
    change_sensor_mode_to_reschedule = True
    runs_in_process = True
    supports_pickling = False

    def __init__(self) -> None:
        super().__init__(parallelism=1)
        self.tasks_to_run: deque[tuple[TaskInstanceKey, list[str]]] = deque()
        #: By (DAG id, run id), the task that failed first.
        self.failed_first: dict[tuple[str, str], str] = {}
        self.fail_fast = self.pdb = False

    def start(self) -> None:
        """Read the options in [debug]."""
        self.fail_fast = self.config.getboolean("debug", "fail_fast")
        self.pdb = self.config.getboolean("debug", "pdb")

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: str | None = None,
        executor_config: Any | None = None,
    ) -> None:
        """Put the task in line for the next `sync`."""
        self.tasks_to_run.append((key, command))

    def sync(self) -> None:
        """Run the next task in line, to its end."""
        while self.tasks_to_run:
            key, command = self.tasks_to_run.popleft()
            if key not in self.running:
                continue  # revoked meanwhile
            first = self.failed_first.get((key.dag_id, key.run_id))
            if first is None:
                self._run(key, command)
                return
            reason = f"fail_fast: task {first!r} of this run failed first"
            self.fail(key, Refused(reason, TaskInstanceState.UPSTREAM_FAILED))

    def _run(self, key: TaskInstanceKey, command: list[str]) -> None:
        try:
            state = self.run_task(command)
        except Exception as error:
            self.fail(key, f"the task could not be run: {type(error).__name__}: {error}")
            raise
        if state == TaskInstanceState.FAILED and self.fail_fast:
            self.failed_first[key.dag_id, key.run_id] = key.task_id
        self.success(key)

    def run_task(self, command: list[str]) -> str | None:
        """Run one attempt here and record it; return the state of its task instance then."""
        from airflow_lite.worker import run_in_process

        return run_in_process(command, self.config, pdb=self.pdb)

    def end(self) -> None:
        """Run nothing more: what is in line stays queued, for the next scheduler."""
        self.tasks_to_run.clear()
        self.running.clear()

    def terminate(self) -> None:
        """Run nothing more."""
        super().terminate()
        self.tasks_to_run.clear()
