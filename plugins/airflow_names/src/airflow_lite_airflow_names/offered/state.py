"""airflow.utils.state: the states in one class, as Airflow 1 had them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from airflow_lite.states import FAILED_STATES, FINISHED, DagRunState, TaskInstanceState


class JobState(StrEnum):
    """State of a job."""

    RUNNING = "running"
    SUCCESS = "success"
    RESTARTING = "restarting"
    FAILED = "failed"


class State:
    """All states of tasks and runs, by name."""

    SUCCESS = TaskInstanceState.SUCCESS
    RUNNING = TaskInstanceState.RUNNING
    FAILED = TaskInstanceState.FAILED
    NONE = None
    REMOVED = TaskInstanceState.REMOVED
    SCHEDULED = TaskInstanceState.SCHEDULED
    QUEUED = TaskInstanceState.QUEUED
    RESTARTING = TaskInstanceState.RESTARTING
    UP_FOR_RETRY = TaskInstanceState.UP_FOR_RETRY
    UP_FOR_RESCHEDULE = TaskInstanceState.UP_FOR_RESCHEDULE
    UPSTREAM_FAILED = TaskInstanceState.UPSTREAM_FAILED
    SKIPPED = TaskInstanceState.SKIPPED
    DEFERRED = TaskInstanceState.DEFERRED
    SHUTDOWN = "shutdown"

    finished_dr_states = frozenset({DagRunState.SUCCESS, DagRunState.FAILED})
    unfinished_dr_states = frozenset({DagRunState.QUEUED, DagRunState.RUNNING})
    task_states: tuple[Any, ...] = (None, *TaskInstanceState)
    dag_states = tuple(DagRunState)
    finished = FINISHED
    unfinished: frozenset[Any] = frozenset({None, *TaskInstanceState}) - FINISHED
    failed_states = FAILED_STATES
    success_states = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED})
    ran_and_finished_states = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.FAILED})
