"""Write arguments.json: the signatures of Airflow 2.10.5's authoring interface.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    AIRFLOW_HOME=$(mktemp -d) python arguments.py OUTPUT_FOLDER
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from pathlib import Path

import airflow
from airflow import DAG, decorators
from airflow.decorators import task
from airflow.decorators.task_group import task_group
from airflow.models.baseoperator import BaseOperator
from airflow.models.dag import dag
from airflow.operators.bash import BashOperator
from airflow.operators.datetime import BranchDateTimeOperator
from airflow.operators.email import EmailOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import (
    BranchPythonOperator,
    PythonOperator,
    ShortCircuitOperator,
)
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.operators.weekday import BranchDayOfWeekOperator
from airflow.sensors.base import BaseSensorOperator
from airflow.sensors.bash import BashSensor
from airflow.sensors.date_time import DateTimeSensor, DateTimeSensorAsync
from airflow.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor
from airflow.sensors.filesystem import FileSensor
from airflow.sensors.python import PythonSensor
from airflow.sensors.time_delta import TimeDeltaSensor, TimeDeltaSensorAsync
from airflow.sensors.time_sensor import TimeSensor, TimeSensorAsync
from airflow.sensors.weekday import DayOfWeekSensor
from airflow.utils.task_group import TaskGroup

OPERATORS = (
    BaseOperator,
    BashOperator,
    PythonOperator,
    EmailOperator,
    EmptyOperator,
    BranchPythonOperator,
    ShortCircuitOperator,
    BaseSensorOperator,
    PythonSensor,
    BashSensor,
    FileSensor,
    DateTimeSensor,
    DateTimeSensorAsync,
    TimeSensor,
    TimeSensorAsync,
    TimeDeltaSensor,
    TimeDeltaSensorAsync,
    DayOfWeekSensor,
    ExternalTaskSensor,
    ExternalTaskMarker,
    TriggerDagRunOperator,
    BranchDateTimeOperator,
    BranchDayOfWeekOperator,
)
TASK_DECORATORS = ("python", "branch", "short_circuit", "sensor", "bash")
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
ARGUMENT_SET = "<airflow.utils.types.ArgNotSet object>"


def stable_repr(value: object) -> str:
    """Return a repr that is the same on every machine."""
    if inspect.isfunction(value):
        return f"<function {value.__name__}>"
    text = ADDRESS.sub("", repr(value))
    return "NOTSET" if text == ARGUMENT_SET else text


def runtime_parameters(function: object) -> list[dict[str, str]]:
    rows = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        row = {"name": parameter.name, "kind": parameter.kind.name.lower()}
        if parameter.default is not inspect.Parameter.empty:
            row["default"] = stable_repr(parameter.default)
        rows.append(row)
    return rows


def operator_row(operator: type) -> dict[str, object]:
    return {
        "parameters": runtime_parameters(operator.__init__),
        "bases": [base.__name__ for base in operator.__mro__[1:] if base is not object],
        "template_fields": list(operator.template_fields),
        "template_ext": list(operator.template_ext),
    }


def stub_functions() -> dict[str, list[ast.FunctionDef]]:
    """Return the overloads of each `@task.x` that the shipped .pyi declares."""
    tree = ast.parse(Path(decorators.__file__).with_suffix(".pyi").read_text())
    collection = next(
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == "TaskDecoratorCollection"
    )
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in collection.body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return found


def stub_parameters(function: ast.FunctionDef) -> list[dict[str, str]]:
    rows = []
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    for argument, default in zip(positional, defaults):
        if argument.arg == "self":
            continue
        row = {"name": argument.arg, "kind": "positional_or_keyword"}
        if default is not None:
            row["default"] = ast.unparse(default)
        rows.append(row)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        row = {"name": argument.arg, "kind": "keyword_only"}
        if default is not None:
            row["default"] = ast.unparse(default)
        rows.append(row)
    if arguments.kwarg:
        rows.append({"name": arguments.kwarg.arg, "kind": "var_keyword"})
    return rows


def task_decorator_row(name: str, stubs: dict[str, list[ast.FunctionDef]]) -> dict[str, object]:
    decorator = getattr(task, name)
    operator = inspect.getclosurevars(inspect.unwrap(decorator)).globals
    operator_class = next(
        (value for key, value in operator.items() if key.endswith("DecoratedOperator")), None
    )
    row: dict[str, object] = {
        "parameters": runtime_parameters(decorator),
        "declared": [
            stub_parameters(function)
            for function in stubs.get(name, [])
            if function.args.kwonlyargs
        ],
    }
    if operator_class is not None:
        row["template_fields"] = list(operator_class.template_fields)
    return row


def main(output: Path) -> None:
    stubs = stub_functions()
    data: dict[str, object] = {
        "airflow": airflow.__version__,
        "DAG": {
            "parameters": runtime_parameters(DAG.__init__),
            "template_fields_of_dag": "user_defined_macros and template_searchpath apply to all",
        },
        "@dag": {"parameters": runtime_parameters(dag)},
        "TaskGroup": {"parameters": runtime_parameters(TaskGroup.__init__)},
        "@task_group": {"parameters": runtime_parameters(task_group)},
        "@task": {"parameters": runtime_parameters(task.__class__.__call__)}
        | {"same_as": "@task.python"},
        "task_attributes": sorted(name for name in stubs if not name.startswith("_")),
    }
    for operator in OPERATORS:
        data[operator.__name__] = operator_row(operator)
    for name in TASK_DECORATORS:
        data[f"@task.{name}"] = task_decorator_row(name, stubs)
    del data["DAG"]["template_fields_of_dag"]
    write(output / "arguments.json", data)


def write(path: Path, data: dict[str, object]) -> None:
    """One parameter a line, so that a change reads well in a diff."""
    text = json.dumps(data, indent=1)
    flat = re.sub(r"\{\s+\"name\": ([^{}]*?)\s+\}", lambda m: squeeze(m.group(0)), text)
    path.write_text(flat + "\n")


def squeeze(text: str) -> str:
    return json.dumps(json.loads(text))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
