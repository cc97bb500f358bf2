"""Running attempts: the task host, running one in this process, their environment and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.config import child_environment
    from airflow_lite.security.key_file import shared_key
    from airflow_lite.worker.host.client import TaskHost
    from airflow_lite.worker.in_process.attempt import run_attempt as run_in_process

__all__ = ["TaskHost", "child_environment", "run_in_process", "shared_key"]

if not TYPE_CHECKING:  # else a type checker takes any name for one of these

    def __getattr__(name: str) -> object:
        if name == "TaskHost":
            from airflow_lite.worker.host.client import TaskHost

            return TaskHost
        if name == "child_environment":
            from airflow_lite.config import child_environment

            return child_environment
        if name == "run_in_process":
            from airflow_lite.worker.in_process.attempt import run_attempt

            return run_attempt
        if name == "shared_key":
            from airflow_lite.security.key_file import shared_key

            return shared_key
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
