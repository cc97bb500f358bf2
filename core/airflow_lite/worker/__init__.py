"""Running attempts: the task host, running one in this process, their environment and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.imports import lazily

if TYPE_CHECKING:
    from airflow_lite.api.executor.attempt_lines import AttemptLines
    from airflow_lite.config import child_environment
    from airflow_lite.security.key_file import shared_key
    from airflow_lite.worker.host.client import TaskHost
    from airflow_lite.worker.in_process.attempt import run_attempt as run_in_process
    from airflow_lite.worker.task_log.kept import has_log, keep_log

__all__ = [
    "AttemptLines",
    "TaskHost",
    "child_environment",
    "has_log",
    "keep_log",
    "run_in_process",
    "shared_key",
]

if not TYPE_CHECKING:  # else a type checker takes any name for one of these
    _lazily = lazily(
        __name__,
        {
            "config": ("child_environment",),
            "security.key_file": ("shared_key",),
            "api.executor.attempt_lines": ("AttemptLines",),
            "worker.host.client": ("TaskHost",),
            "worker.task_log.kept": ("has_log", "keep_log"),
        },
    )

    def __getattr__(name: str) -> object:
        if name == "run_in_process":
            from airflow_lite.worker.in_process.attempt import run_attempt

            return run_attempt
        return _lazily(name)
