"""States, trigger rules and other closed sets of words, as in Airflow 2.10."""

from __future__ import annotations

from enum import StrEnum


class TaskInstanceState(StrEnum):
    """State of a task instance. A task instance that nothing was decided of has None."""

    REMOVED = "removed"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    RESTARTING = "restarting"
    FAILED = "failed"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    UPSTREAM_FAILED = "upstream_failed"
    SKIPPED = "skipped"
    DEFERRED = "deferred"


class DagRunState(StrEnum):
    """State of a DAG run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class DagRunType(StrEnum):
    """What made a DAG run; also the prefix of the run ids made for it."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    BACKFILL_JOB = "backfill"
    DATASET_TRIGGERED = "dataset_triggered"
    TEST = "test"  # of `dags test`; Airflow has them among the manual ones


#: The types of runs that follow the schedule, whoever made them.
SCHEDULE_RUN_TYPES = (DagRunType.SCHEDULED, DagRunType.BACKFILL_JOB)
#: Those that nobody made by hand.
AUTOMATIC_RUN_TYPES = (*SCHEDULE_RUN_TYPES, DagRunType.DATASET_TRIGGERED)


class TriggerRule(StrEnum):
    """When a task runs, given the states of its upstream tasks."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_OR_SKIPPED = "none_failed_or_skipped"
    NONE_SKIPPED = "none_skipped"
    DUMMY = "dummy"
    ALWAYS = "always"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    ALL_SKIPPED = "all_skipped"


class WeightRule(StrEnum):
    """How a task's effective priority follows from the priority_weight of its relatives."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"


#: A task instance in one of these will not change without a clear or a mark.
FINISHED = frozenset(
    {
        TaskInstanceState.SUCCESS,
        TaskInstanceState.FAILED,
        TaskInstanceState.SKIPPED,
        TaskInstanceState.UPSTREAM_FAILED,
        TaskInstanceState.REMOVED,
    }
)
#: These count as a failure of the task.
FAILED_STATES = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED})
#: These count as a success of the task.
SUCCESS_STATES = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED})
#: An attempt of the task instance may exist. What takes slots of a pool, `store.scheduling` counts.
ACTIVE = frozenset(
    {TaskInstanceState.QUEUED, TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING}
)
#: From these a task instance may be queued.
SCHEDULABLE = frozenset(
    {
        None,
        TaskInstanceState.SCHEDULED,
        TaskInstanceState.UP_FOR_RETRY,
        TaskInstanceState.UP_FOR_RESCHEDULE,
    }
)
#: A DAG run in one of these is over.
RUN_FINISHED = frozenset({DagRunState.SUCCESS, DagRunState.FAILED})
