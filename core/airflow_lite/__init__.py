"""airflow-lite: all that a DAG file needs, from one place.

Importing this package imports nothing else: each name is fetched when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from airflow_lite.api.executor.base import BaseExecutor
    from airflow_lite.authoring.arguments.param import Param
    from airflow_lite.authoring.arguments.references import literal
    from airflow_lite.authoring.arguments.weekday import WeekDay
    from airflow_lite.authoring.connection import Connection
    from airflow_lite.authoring.context import get_current_context
    from airflow_lite.authoring.dag import DAG
    from airflow_lite.authoring.datasets.model import (
        Dataset,
        DatasetAlias,
        DatasetAll,
        DatasetAny,
    )
    from airflow_lite.authoring.datasets.outlet_events import Metadata
    from airflow_lite.authoring.decorators.dag import dag
    from airflow_lite.authoring.decorators.task import setup, task, teardown
    from airflow_lite.authoring.graph.edges import Label, chain, chain_linear, cross_downstream
    from airflow_lite.authoring.graph.task_group import TaskGroup, task_group
    from airflow_lite.authoring.graph.xcom_arg import XComArg
    from airflow_lite.authoring.hook import BaseHook
    from airflow_lite.authoring.mail.send import send_email
    from airflow_lite.authoring.notifier import BaseNotifier
    from airflow_lite.authoring.operator import BaseOperator
    from airflow_lite.authoring.operators.bash import BashOperator
    from airflow_lite.authoring.operators.branch import (
        BaseBranchOperator,
        BranchPythonOperator,
        ShortCircuitOperator,
    )
    from airflow_lite.authoring.operators.branch_dates import (
        BranchDateTimeOperator,
        BranchDayOfWeekOperator,
        LatestOnlyOperator,
    )
    from airflow_lite.authoring.operators.email import EmailOperator
    from airflow_lite.authoring.operators.empty import EmptyOperator
    from airflow_lite.authoring.operators.other_python.external import (
        BranchExternalPythonOperator,
        ExternalPythonOperator,
    )
    from airflow_lite.authoring.operators.other_python.virtualenv import (
        BranchPythonVirtualenvOperator,
        PythonVirtualenvOperator,
    )
    from airflow_lite.authoring.operators.python import PythonOperator
    from airflow_lite.authoring.operators.sensor import (
        BaseSensorOperator,
        PokeReturnValue,
        PythonSensor,
    )
    from airflow_lite.authoring.operators.sensors.bash import BashSensor
    from airflow_lite.authoring.operators.sensors.dates import (
        DateTimeSensor,
        DateTimeSensorAsync,
        DayOfWeekSensor,
        TimeDeltaSensor,
        TimeDeltaSensorAsync,
        TimeSensor,
        TimeSensorAsync,
    )
    from airflow_lite.authoring.operators.sensors.external_task import (
        ExternalTaskMarker,
        ExternalTaskSensor,
    )
    from airflow_lite.authoring.operators.sensors.files import FileSensor
    from airflow_lite.authoring.operators.trigger_dagrun import TriggerDagRunOperator
    from airflow_lite.authoring.secrets.base import BaseSecretsBackend
    from airflow_lite.authoring.timetable import (
        DagRunInfo,
        DataInterval,
        TimeRestriction,
        Timetable,
    )
    from airflow_lite.authoring.timetables import (
        CronDataIntervalTimetable,
        CronTriggerTimetable,
        DatasetOrTimeSchedule,
        DeltaDataIntervalTimetable,
        EventsTimetable,
        MultipleCronTriggerTimetable,
    )
    from airflow_lite.authoring.triggers.base import (
        BaseTrigger,
        StartTriggerArgs,
        TaskFailedEvent,
        TaskSkippedEvent,
        TaskSuccessEvent,
        TriggerEvent,
    )
    from airflow_lite.authoring.triggers.file import FileTrigger
    from airflow_lite.authoring.triggers.temporal import DateTimeTrigger, TimeDeltaTrigger
    from airflow_lite.authoring.variable import Variable
    from airflow_lite.errors import (
        AirflowDagException,
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowRescheduleException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
        AttemptRefused,
        TaskDeferralError,
        TaskDeferralTimeout,
        TaskDeferred,
    )
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.secrets_masker import mask_secret
    from airflow_lite.states import DagRunState, TaskInstanceState, TriggerRule, WeightRule

__all__ = [
    "DAG",
    "AirflowDagException",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRescheduleException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "AttemptRefused",
    "BaseBranchOperator",
    "BaseExecutor",
    "BaseHook",
    "BaseNotifier",
    "BaseOperator",
    "BaseSecretsBackend",
    "BaseSensorOperator",
    "BaseTrigger",
    "BashOperator",
    "BashSensor",
    "BranchDateTimeOperator",
    "BranchDayOfWeekOperator",
    "BranchExternalPythonOperator",
    "BranchPythonOperator",
    "BranchPythonVirtualenvOperator",
    "Connection",
    "CronDataIntervalTimetable",
    "CronTriggerTimetable",
    "DagRunInfo",
    "DagRunState",
    "DataInterval",
    "Dataset",
    "DatasetAlias",
    "DatasetAll",
    "DatasetAny",
    "DatasetOrTimeSchedule",
    "DateTimeSensor",
    "DateTimeSensorAsync",
    "DateTimeTrigger",
    "DayOfWeekSensor",
    "DeltaDataIntervalTimetable",
    "EmailOperator",
    "EmptyOperator",
    "EventsTimetable",
    "ExternalPythonOperator",
    "ExternalTaskMarker",
    "ExternalTaskSensor",
    "FileSensor",
    "FileTrigger",
    "Label",
    "LatestOnlyOperator",
    "Metadata",
    "MultipleCronTriggerTimetable",
    "Param",
    "PokeReturnValue",
    "PythonOperator",
    "PythonSensor",
    "PythonVirtualenvOperator",
    "ShortCircuitOperator",
    "StartTriggerArgs",
    "TaskDeferralError",
    "TaskDeferralTimeout",
    "TaskDeferred",
    "TaskFailedEvent",
    "TaskGroup",
    "TaskInstanceKey",
    "TaskInstanceState",
    "TaskSkippedEvent",
    "TaskSuccessEvent",
    "TimeDeltaSensor",
    "TimeDeltaSensorAsync",
    "TimeDeltaTrigger",
    "TimeRestriction",
    "TimeSensor",
    "TimeSensorAsync",
    "Timetable",
    "TriggerDagRunOperator",
    "TriggerEvent",
    "TriggerRule",
    "Variable",
    "WeekDay",
    "WeightRule",
    "XComArg",
    "__version__",
    "chain",
    "chain_linear",
    "cross_downstream",
    "dag",
    "get_current_context",
    "literal",
    "mask_secret",
    "send_email",
    "setup",
    "task",
    "task_group",
    "teardown",
]

#: Where each name lives.
_HOMES = {
    "authoring.operators.bash": ("BashOperator",),
    "authoring.operators.branch": (
        "BaseBranchOperator",
        "BranchPythonOperator",
        "ShortCircuitOperator",
    ),
    "authoring.arguments.references": ("literal",),
    "authoring.connection": ("Connection",),
    "authoring.context": ("get_current_context",),
    "authoring.dag": ("DAG",),
    "authoring.datasets.model": ("Dataset", "DatasetAlias", "DatasetAll", "DatasetAny"),
    "authoring.datasets.outlet_events": ("Metadata",),
    "authoring.graph.edges": ("Label", "chain", "chain_linear", "cross_downstream"),
    "authoring.mail.send": ("send_email",),
    "authoring.operators.email": ("EmailOperator",),
    "authoring.operators.empty": ("EmptyOperator",),
    "authoring.operator": ("BaseOperator",),
    "authoring.arguments.param": ("Param",),
    "authoring.operators.other_python.external": (
        "BranchExternalPythonOperator",
        "ExternalPythonOperator",
    ),
    "authoring.operators.other_python.virtualenv": (
        "BranchPythonVirtualenvOperator",
        "PythonVirtualenvOperator",
    ),
    "authoring.operators.python": ("PythonOperator",),
    "authoring.operators.sensor": ("BaseSensorOperator", "PokeReturnValue", "PythonSensor"),
    "authoring.decorators.dag": ("dag",),
    "authoring.decorators.task": ("setup", "task", "teardown"),
    "authoring.graph.task_group": ("TaskGroup", "task_group"),
    "authoring.timetable": ("DagRunInfo", "DataInterval", "TimeRestriction", "Timetable"),
    "authoring.timetables": (
        "CronDataIntervalTimetable",
        "CronTriggerTimetable",
        "DatasetOrTimeSchedule",
        "DeltaDataIntervalTimetable",
        "EventsTimetable",
        "MultipleCronTriggerTimetable",
    ),
    "authoring.hook": ("BaseHook",),
    "authoring.notifier": ("BaseNotifier",),
    "authoring.secrets.base": ("BaseSecretsBackend",),
    "authoring.triggers.base": (
        "BaseTrigger",
        "StartTriggerArgs",
        "TaskFailedEvent",
        "TaskSkippedEvent",
        "TaskSuccessEvent",
        "TriggerEvent",
    ),
    "authoring.triggers.file": ("FileTrigger",),
    "authoring.triggers.temporal": ("DateTimeTrigger", "TimeDeltaTrigger"),
    "authoring.variable": ("Variable",),
    "authoring.graph.xcom_arg": ("XComArg",),
    "errors": (
        "AirflowDagException",
        "AirflowException",
        "AirflowFailException",
        "AirflowNotFoundException",
        "AirflowRescheduleException",
        "AirflowSensorTimeout",
        "AirflowSkipException",
        "AirflowTaskTimeout",
        "AttemptRefused",
        "TaskDeferralError",
        "TaskDeferralTimeout",
        "TaskDeferred",
    ),
    "api.executor.base": ("BaseExecutor",),
    "keys": ("TaskInstanceKey",),
    "secrets_masker": ("mask_secret",),
    "states": ("DagRunState", "TaskInstanceState", "TriggerRule", "WeightRule"),
    "authoring.arguments.weekday": ("WeekDay",),
    "authoring.operators.branch_dates": (
        "BranchDateTimeOperator",
        "BranchDayOfWeekOperator",
        "LatestOnlyOperator",
    ),
    "authoring.operators.sensors.bash": ("BashSensor",),
    "authoring.operators.sensors.dates": (
        "DateTimeSensor",
        "DateTimeSensorAsync",
        "DayOfWeekSensor",
        "TimeDeltaSensor",
        "TimeDeltaSensorAsync",
        "TimeSensor",
        "TimeSensorAsync",
    ),
    "authoring.operators.sensors.external_task": ("ExternalTaskMarker", "ExternalTaskSensor"),
    "authoring.operators.sensors.files": ("FileSensor",),
    "authoring.operators.trigger_dagrun": ("TriggerDagRunOperator",),
}

if not TYPE_CHECKING:  # else a type checker takes any name for one of these

    def __getattr__(name: str) -> Any:
        import importlib

        for home, names in _HOMES.items():
            if name in names:
                value = getattr(importlib.import_module(f"airflow_lite.{home}"), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
