"""Wrong in what only a real scheduler brings about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_lite.errors import AttemptRefused
from airflow_lite_testing.mutants.base import Mutant

if TYPE_CHECKING:
    from airflow_lite.keys import TaskInstanceKey


class RefusesRetries(Mutant):
    """Refuses every try but the first."""

    caught_by = "end-to-end.dag.ends-as-it-must"

    def execute_async(
        self,
        key: TaskInstanceKey,
        command: list[str],
        queue: Any = None,
        executor_config: Any = None,
    ) -> None:
        """Start the attempt's process, of a first try."""
        if key.try_number > 1:
            raise AttemptRefused("this was tried before")
        super().execute_async(key, command, queue, executor_config)


class StaleLock(Mutant):
    """Takes a lock file that it leaves behind when its scheduler is killed."""

    caught_by = "end-to-end.scheduler.killed"

    @property
    def lock(self) -> Path:
        """The lock file."""
        return self.config.home / "mutant.lock"

    def start(self) -> None:
        """Take the lock."""
        self.lock.touch(exist_ok=False)

    def end(self) -> None:
        """End, and give the lock back."""
        super().end()
        self.lock.unlink(missing_ok=True)
