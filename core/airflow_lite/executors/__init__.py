"""The executors of the core, and the door by which plugins import `api/executor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.imports import lazily

if TYPE_CHECKING:
    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.api.executor.events import CallbackRequest, Lost, Refused
    from airflow_lite.api.executor.pace import Pace
    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.errors import AttemptRefused, ConfigError
    from airflow_lite.executors.hybrid import HybridExecutor
    from airflow_lite.executors.local import LocalExecutor
    from airflow_lite.keys import RunCommand, TaskInstanceKey
    from airflow_lite.plugins.authoring import import_written_for_airflow
    from airflow_lite.states import TaskInstanceState
    from airflow_lite.text import first_line

__all__ = [
    "AttemptRefused",
    "BaseExecutor",
    "CallbackRequest",
    "ConfigError",
    "HybridExecutor",
    "LocalExecutor",
    "Lost",
    "Pace",
    "Refused",
    "RunCommand",
    "TaskInstance",
    "TaskInstanceKey",
    "TaskInstanceState",
    "first_line",
    "import_written_for_airflow",
]

if not TYPE_CHECKING:  # else a type checker takes any name for one of these
    __getattr__ = lazily(
        __name__,
        {
            "errors": ("AttemptRefused", "ConfigError"),
            "api.executor.base": ("BaseExecutor",),
            "api.executor.events": ("CallbackRequest", "Lost", "Refused"),
            "api.executor.pace": ("Pace",),
            "api.executor.task_instance": ("TaskInstance",),
            "executors.hybrid": ("HybridExecutor",),
            "executors.local": ("LocalExecutor",),
            "keys": ("RunCommand", "TaskInstanceKey"),
            "plugins.authoring": ("import_written_for_airflow",),
            "states": ("TaskInstanceState",),
            "text": ("first_line",),
        },
    )
