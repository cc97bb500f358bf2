"""SequentialExecutor: one task at a time, on the scheduler's machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.executors.local import LocalExecutor

if TYPE_CHECKING:
    from airflow_lite.clock import Clock
    from airflow_lite.config import Config


class SequentialExecutor(LocalExecutor):
    """Runs one attempt at a time, in a process of its own: the scheduler's loop never waits."""

    is_single_threaded = True
    is_production = False

    def __init__(self, parallelism: int | None = None, *, clock: Clock | None = None) -> None:
        super().__init__(1, clock=clock)

    def configure(self, config: Config) -> None:
        """Take `config`; its parallelism is for other executors."""
        super().configure(config)
        self.parallelism = 1
