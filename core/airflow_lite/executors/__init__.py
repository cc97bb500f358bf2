"""The executors of the core, and the door by which plugins import `api/executor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.imports import lazily

if TYPE_CHECKING:
    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.api.executor.events import CallbackRequest, Refused
    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.errors import AttemptRefused, ConfigError
    from airflow_lite.keys import RunCommand, TaskInstanceKey
    from airflow_lite.states import TaskInstanceState

__all__ = [
    "AttemptRefused",
    "BaseExecutor",
    "CallbackRequest",
    "ConfigError",
    "Refused",
    "RunCommand",
    "TaskInstance",
    "TaskInstanceKey",
    "TaskInstanceState",
]

if not TYPE_CHECKING:  # else a type checker takes any name for one of these
    __getattr__ = lazily(
        __name__,
        {
            "errors": ("AttemptRefused", "ConfigError"),
            "api.executor.base": ("BaseExecutor",),
            "api.executor.events": ("CallbackRequest", "Refused"),
            "api.executor.task_instance": ("TaskInstance",),
            "keys": ("RunCommand", "TaskInstanceKey"),
            "states": ("TaskInstanceState",),
        },
    )
