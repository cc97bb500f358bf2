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
    from airflow_lite.authoring.connection import Connection
    from airflow_lite.authoring.context import get_current_context
    from airflow_lite.authoring.dag import DAG
    from airflow_lite.authoring.decorators.dag import dag
    from airflow_lite.authoring.decorators.task import setup, task, teardown
    from airflow_lite.authoring.graph.edges import Label, chain, chain_linear, cross_downstream
    from airflow_lite.authoring.graph.task_group import TaskGroup, task_group
    from airflow_lite.authoring.graph.xcom_arg import XComArg
    from airflow_lite.authoring.operator import BaseOperator
    from airflow_lite.authoring.operators.bash import BashOperator
    from airflow_lite.authoring.operators.branch import BranchPythonOperator, ShortCircuitOperator
    from airflow_lite.authoring.operators.empty import EmptyOperator
    from airflow_lite.authoring.operators.python import PythonOperator
    from airflow_lite.authoring.operators.sensor import (
        BaseSensorOperator,
        PokeReturnValue,
        PythonSensor,
    )
    from airflow_lite.authoring.variable import Variable
    from airflow_lite.errors import (
        AirflowDagException,
        AirflowException,
        AirflowFailException,
        AirflowRescheduleException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
        AttemptRefused,
    )
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.secrets_masker import mask_secret
    from airflow_lite.states import DagRunState, TaskInstanceState, TriggerRule, WeightRule

__all__ = [
    "DAG",
    "AirflowDagException",
    "AirflowException",
    "AirflowFailException",
    "AirflowRescheduleException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "AttemptRefused",
    "BaseExecutor",
    "BaseOperator",
    "BaseSensorOperator",
    "BashOperator",
    "BranchPythonOperator",
    "Connection",
    "DagRunState",
    "EmptyOperator",
    "Label",
    "Param",
    "PokeReturnValue",
    "PythonOperator",
    "PythonSensor",
    "ShortCircuitOperator",
    "TaskGroup",
    "TaskInstanceKey",
    "TaskInstanceState",
    "TriggerRule",
    "Variable",
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
    "setup",
    "task",
    "task_group",
    "teardown",
]

#: Where each name lives.
_HOMES = {
    "authoring.operators.bash": ("BashOperator",),
    "authoring.operators.branch": ("BranchPythonOperator", "ShortCircuitOperator"),
    "authoring.arguments.references": ("literal",),
    "authoring.connection": ("Connection",),
    "authoring.context": ("get_current_context",),
    "authoring.dag": ("DAG",),
    "authoring.graph.edges": ("Label", "chain", "chain_linear", "cross_downstream"),
    "authoring.operators.empty": ("EmptyOperator",),
    "authoring.operator": ("BaseOperator",),
    "authoring.arguments.param": ("Param",),
    "authoring.operators.python": ("PythonOperator",),
    "authoring.operators.sensor": ("BaseSensorOperator", "PokeReturnValue", "PythonSensor"),
    "authoring.decorators.dag": ("dag",),
    "authoring.decorators.task": ("setup", "task", "teardown"),
    "authoring.graph.task_group": ("TaskGroup", "task_group"),
    "authoring.variable": ("Variable",),
    "authoring.graph.xcom_arg": ("XComArg",),
    "errors": (
        "AirflowDagException",
        "AirflowException",
        "AirflowFailException",
        "AirflowRescheduleException",
        "AirflowSensorTimeout",
        "AirflowSkipException",
        "AirflowTaskTimeout",
        "AttemptRefused",
    ),
    "api.executor.base": ("BaseExecutor",),
    "keys": ("TaskInstanceKey",),
    "secrets_masker": ("mask_secret",),
    "states": ("DagRunState", "TaskInstanceState", "TriggerRule", "WeightRule"),
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
