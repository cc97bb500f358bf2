"""airflow-lite: all that a DAG file needs, from one place.

Importing this package imports nothing else: each name is fetched when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from airflow_lite.dag.bash import BashOperator
    from airflow_lite.dag.branch import BranchPythonOperator, ShortCircuitOperator
    from airflow_lite.dag.context import get_current_context
    from airflow_lite.dag.dag import DAG
    from airflow_lite.dag.dag_decorator import dag
    from airflow_lite.dag.edges import Label, chain, chain_linear, cross_downstream
    from airflow_lite.dag.empty import EmptyOperator
    from airflow_lite.dag.operator import BaseOperator
    from airflow_lite.dag.param import Param
    from airflow_lite.dag.python import PythonOperator
    from airflow_lite.dag.sensor import BaseSensorOperator, PokeReturnValue, PythonSensor
    from airflow_lite.dag.task_decorator import setup, task, teardown
    from airflow_lite.dag.task_group import TaskGroup, task_group
    from airflow_lite.dag.variable import Variable
    from airflow_lite.dag.xcom_arg import XComArg
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
    from airflow_lite.executors.base import BaseExecutor
    from airflow_lite.keys import TaskInstanceKey
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
    "setup",
    "task",
    "task_group",
    "teardown",
]

#: Where each name lives. `dag` is the package itself, which is callable: see there.
_HOMES = {
    "dag.bash": ("BashOperator",),
    "dag.branch": ("BranchPythonOperator", "ShortCircuitOperator"),
    "dag.context": ("get_current_context",),
    "dag.dag": ("DAG",),
    "dag.edges": ("Label", "chain", "chain_linear", "cross_downstream"),
    "dag.empty": ("EmptyOperator",),
    "dag.operator": ("BaseOperator",),
    "dag.param": ("Param",),
    "dag.python": ("PythonOperator",),
    "dag.sensor": ("BaseSensorOperator", "PokeReturnValue", "PythonSensor"),
    "dag.task_decorator": ("setup", "task", "teardown"),
    "dag.task_group": ("TaskGroup", "task_group"),
    "dag.variable": ("Variable",),
    "dag.xcom_arg": ("XComArg",),
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
    "executors.base": ("BaseExecutor",),
    "keys": ("TaskInstanceKey",),
    "states": ("DagRunState", "TaskInstanceState", "TriggerRule", "WeightRule"),
}


def __getattr__(name: str) -> Any:
    import importlib

    if name == "dag":
        return importlib.import_module("airflow_lite.dag")
    for home, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(f"airflow_lite.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
