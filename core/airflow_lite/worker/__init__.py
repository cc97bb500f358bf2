"""Running attempts: the task host, and running one in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.worker.in_process import run_attempt as run_in_process
    from airflow_lite.worker.task_host import TaskHost

__all__ = ["TaskHost", "run_in_process"]


def __getattr__(name: str) -> object:
    if name == "TaskHost":
        from airflow_lite.worker.task_host import TaskHost

        return TaskHost
    if name == "run_in_process":
        from airflow_lite.worker.in_process import run_attempt

        return run_attempt
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
