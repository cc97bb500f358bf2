"""The events that listeners get, each a frozen dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.keys import TaskInstanceKey


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
    """The executor had a heartbeat.

    The last three fields are what its gauges `executor.open_slots`, `executor.queued_tasks` and
    `executor.running_tasks` told last.
    """

    executor: str
    slots_available: int
    slots_occupied: int
    time_us: int
    open_slots: int = 0
    queued_tasks: int = 0
    running_tasks: int = 0


@dataclass(frozen=True)
class ExecutorEnded:
    """The executor has stopped; `clean` if it did so within its grace."""

    executor: str
    clean: bool
    time_us: int
