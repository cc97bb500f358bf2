"""What gets attempts run. `BaseExecutor` is the contract; plugins import from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_lite.errors import AttemptRefused, ConfigError
    from airflow_lite.executors.base import BaseExecutor
    from airflow_lite.executors.events import CallbackRequest, Refused
    from airflow_lite.executors.task_instance import TaskInstance
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

_HOMES = {
    "AttemptRefused": "airflow_lite.errors",
    "BaseExecutor": "airflow_lite.executors.base",
    "CallbackRequest": "airflow_lite.executors.events",
    "ConfigError": "airflow_lite.errors",
    "Refused": "airflow_lite.executors.events",
    "RunCommand": "airflow_lite.keys",
    "TaskInstance": "airflow_lite.executors.task_instance",
    "TaskInstanceKey": "airflow_lite.keys",
    "TaskInstanceState": "airflow_lite.states",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
