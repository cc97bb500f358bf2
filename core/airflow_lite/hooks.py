"""What a plugin's module is written with: `hookimpl`, and the events that listeners take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_lite.imports import lazily

if TYPE_CHECKING:
    from airflow_lite.config import ConfigOption
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.plugins.hookspecs import HealthContext, HealthReport, hookimpl

__all__ = [
    "ConfigOption",
    "ExecutorEnded",
    "ExecutorHeartbeat",
    "ExecutorStarted",
    "HealthContext",
    "HealthReport",
    "TaskFinished",
    "TaskQueued",
    "TaskRunning",
    "hookimpl",
]


@dataclass(frozen=True)
class ExecutorStarted:
    """The executor is ready for work."""

    executor: str
    parallelism: int
    time_us: int


@dataclass(frozen=True)
class TaskQueued:
    """An attempt was handed to the executor."""

    key: TaskInstanceKey
    queue: str
    priority: int
    time_us: int


@dataclass(frozen=True)
class TaskRunning:
    """An attempt's user code runs."""

    key: TaskInstanceKey
    time_us: int


@dataclass(frozen=True)
class TaskFinished:
    """An attempt ended and its outcome is recorded: `state` is the task instance's."""

    key: TaskInstanceKey
    state: str
    time_us: int


@dataclass(frozen=True)
class ExecutorHeartbeat:
    """The executor was looked at."""

    executor: str
    slots_available: int
    slots_occupied: int
    time_us: int


@dataclass(frozen=True)
class ExecutorEnded:
    """The executor has stopped; `clean` if it did so within its grace."""

    executor: str
    clean: bool
    time_us: int


__getattr__ = lazily(
    __name__,
    {
        "config": ("ConfigOption",),
        "plugins.hookspecs": ("HealthContext", "HealthReport", "hookimpl"),
    },
)
