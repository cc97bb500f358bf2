"""airflow.exceptions: those that airflow-lite itself does not raise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_lite.errors import AirflowDagException, AirflowException, AirflowNotFoundException


class AirflowBadRequest(AirflowException):
    """The server did not understand the request."""


class AirflowOptionalProviderFeatureException(AirflowException):
    """A part of a provider needs a package that is not installed."""


class AirflowInternalRuntimeError(BaseException):
    """The tool itself failed."""


class AirflowDagDuplicatedIdException(AirflowDagException):
    """Two DAGs have one id. Rename one of them."""


class AirflowClusterPolicyError(AirflowException):
    """A policy failed."""


class AirflowClusterPolicyViolation(AirflowException):
    """A policy refuses the DAG or the task."""


class AirflowClusterPolicySkipDag(AirflowException):
    """A policy leaves the DAG out."""


class AirflowWebServerTimeout(AirflowException):
    """The web server did not answer in time."""


class AirflowFileParseException(AirflowException):
    """A file of variables or connections cannot be read."""


class ConnectionNotUnique(AirflowException):
    """Two connections have one id."""


class DagFileExists(AirflowException):
    """There is such a DAG file already."""


class DeserializingResultError(ValueError):
    """What the function returned cannot be read."""


class DownstreamTasksSkipped(AirflowException):
    """The tasks after this one are skipped."""

    def __init__(self, *, tasks: Iterable[Any]) -> None:
        super().__init__()
        self.tasks = tasks


class FailStopDagInvalidTriggerRule(AirflowDagException):
    """A DAG with fail_stop has a task whose trigger rule is not all_success."""


class InvalidStatsNameException(AirflowException):
    """The name of a statistic has a character that is not allowed."""


class SerializationError(AirflowException):
    """A value cannot be written as JSON."""


class TaskAlreadyInTaskGroup(AirflowDagException):
    """A task is in a group already."""

    def __init__(self, task_id: str, existing_group_id: str | None, new_group_id: str) -> None:
        super().__init__(
            f"Cannot add {task_id!r} to {new_group_id!r} (already in group {existing_group_id!r})"
        )
        self.task_id = task_id


class TaskInstanceNotFound(AirflowNotFoundException):
    """There is no such task instance."""


class UnmappableOperator(AirflowException):
    """An operator cannot be mapped."""


class RemovedInAirflow3Warning(DeprecationWarning):
    """What Airflow 3 does not have any more."""


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """What a provider will not have any more."""


class AirflowContextDeprecationWarning(DeprecationWarning):
    """A name of the context that Airflow 3 does not have any more."""
