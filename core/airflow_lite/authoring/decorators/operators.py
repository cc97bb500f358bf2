"""Operators behind the `@task` decorators: they keep the function's arguments for the run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from airflow_lite.authoring import current
from airflow_lite.authoring.context import CONTEXT_KEYS
from airflow_lite.authoring.dag import DAG
from airflow_lite.authoring.graph.task_group import TaskGroup
from airflow_lite.authoring.mapping.mapped_operator import MappedOperator
from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.authoring.operators.bash import BashOperator
from airflow_lite.authoring.operators.branch import BranchPythonOperator, ShortCircuitOperator
from airflow_lite.authoring.operators.other_python.external import (
    BranchExternalPythonOperator,
    ExternalPythonOperator,
)
from airflow_lite.authoring.operators.other_python.virtualenv import (
    BranchPythonVirtualenvOperator,
    PythonVirtualenvOperator,
)
from airflow_lite.authoring.operators.python import FunctionCaller, PythonOperator
from airflow_lite.authoring.operators.sensor import PythonSensor


class Decorated(BaseOperator):
    """The part of a decorated operator that checks the call and chooses a free task id."""

    custom_operator_name = "@task"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        task_id: str,
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        named = dict(op_kwargs or {})
        check_call(python_callable, op_args or (), named, self.__dict__["_defaults_in_force"])
        super().__init__(
            task_id=free_id(task_id, kwargs.get("dag"), kwargs.get("task_group")),
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=named,
            **kwargs,
        )


def check_call(
    function: Callable[..., Any],
    args: Collection[Any],
    named: dict[str, Any],
    defaults: Mapping[str, Any],
) -> None:
    """Check that `function` can be called so; raise TypeError or ValueError.

    Arguments that neither the call nor the context has are taken from default_args into `named`.
    """
    signature = inspect.signature(function)
    for name, item in signature.parameters.items():
        if name in CONTEXT_KEYS and item.default not in (None, item.empty):
            raise ValueError(
                f"Context key parameter {name!r} can't have a default other than None."
            )
    try:
        taken = signature.bind_partial(*args, **named).arguments
        for name in signature.parameters.keys() & defaults.keys() - taken.keys():
            named[name] = defaults[name]
        from_context = {
            name: None for name in signature.parameters if name in CONTEXT_KEYS - taken.keys()
        }
        signature.bind(*args, **{**from_context, **named})
    except TypeError as error:
        name = getattr(function, "__name__", repr(function))
        raise TypeError(f"@task function {name!r}: {error}.") from None


def free_id(task_id: str, dag: DAG | None, group: TaskGroup | None) -> str:
    """Return `task_id`, or the first free of `task_id__1`, `task_id__2` … in the DAG."""
    dag, group = current.place(dag, group)
    if dag is None:
        return task_id
    if group is None:
        return dag.free_id(task_id)
    prefix = len(group.child_id(""))  # what the group will put before it
    return dag.free_id(group.child_id(task_id))[prefix:]


class MappedFunction(MappedOperator):
    """A decorated task that is mapped: over arguments of the function, not of the operator."""

    _duplicate = "mapping already partial"

    def _taken(self) -> Collection[str]:
        taken: Collection[str] = self.partial_kwargs["op_kwargs"]
        return taken

    def _arguments(self, mapped: Mapping[str, Any]) -> dict[str, Any]:
        return {**self.partial_kwargs, "op_kwargs": {**self.partial_kwargs["op_kwargs"], **mapped}}


class PythonDecorated(Decorated, PythonOperator):
    """What `@task` makes."""


class BranchDecorated(Decorated, BranchPythonOperator):
    """What `@task.branch` makes."""

    custom_operator_name = "@task.branch"


class ShortCircuitDecorated(Decorated, ShortCircuitOperator):
    """What `@task.short_circuit` makes."""

    custom_operator_name = "@task.short_circuit"


class SensorDecorated(Decorated, PythonSensor):
    """What `@task.sensor` makes."""

    custom_operator_name = "@task.sensor"


class ExternalPythonDecorated(Decorated, ExternalPythonOperator):
    """What `@task.external_python` makes."""

    custom_operator_name = "@task.external_python"


class VirtualenvDecorated(Decorated, PythonVirtualenvOperator):
    """What `@task.virtualenv` makes."""

    custom_operator_name = "@task.virtualenv"


class BranchExternalPythonDecorated(Decorated, BranchExternalPythonOperator):
    """What `@task.branch_external_python` makes."""

    custom_operator_name = "@task.branch_external_python"


class BranchVirtualenvDecorated(Decorated, BranchPythonVirtualenvOperator):
    """What `@task.branch_virtualenv` makes."""

    custom_operator_name = "@task.branch_virtualenv"


class BashDecorated(Decorated, FunctionCaller, BashOperator):
    """What `@task.bash` makes: a function returns the command when the task runs."""

    custom_operator_name = "@task.bash"
    template_fields: Sequence[str] = ("op_args", "op_kwargs", *BashOperator.template_fields)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(bash_command="", **kwargs)

    def execute(self, context: Any) -> Any:
        """Call the function for the command, render it and run it."""
        from airflow_lite.authoring.render import Renderer

        command = self.python_callable(*self.op_args, **self._call_arguments(context))
        if not isinstance(command, str) or not command.strip():
            raise TypeError(
                "The returned value from the @task.bash function must be a non-empty string; "
                f"got {command!r}."
            )
        self.bash_command = Renderer(self, context).render(command)
        return super().execute(context)
