"""`@dag`: functions whose call makes a DAG, and params that they hand to its tasks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, overload

from airflow_lite.authoring.arguments.param import NOTSET
from airflow_lite.authoring.dag import DAG
from airflow_lite.authoring.graph.references import Reference
from airflow_lite.errors import AirflowException


class DagParam(Reference):
    """A param of the DAG in a task's arguments; it has its value when the task runs."""

    def __init__(self, dag: DAG, name: str, default: Any = NOTSET) -> None:
        if default is not NOTSET:
            dag.params[name] = default
        self._name = name
        self._default = default

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """Return the value in this run: from its conf, its params, or the default."""
        conf = context["dag_run"].conf or {}
        if self._name in conf:
            return conf[self._name]
        if self._default is not NOTSET:
            return self._default
        if self._name in context["params"]:
            return context["params"][self._name]
        raise AirflowException(f"No value could be found for param {self._name!r}.")


@overload
def dag(dag_id: Callable[..., Any]) -> Callable[..., DAG]: ...


@overload
def dag(
    dag_id: str = "", *args: Any, **kwargs: Any
) -> Callable[[Callable[..., Any]], Callable[..., DAG]]: ...


def dag(dag_id: Any = "", *args: Any, **kwargs: Any) -> Any:
    """Make a function that, when called, makes a DAG of the tasks that it makes.

    Takes DAG's arguments; the id is the function's name unless given. The function's own arguments
    become params of the DAG.
    """
    if callable(dag_id):
        return _dag_factory(dag_id, "", (), {})
    return lambda function: _dag_factory(function, dag_id, args, kwargs)


def _dag_factory(
    function: Callable[..., Any], dag_id: str, args: tuple[Any, ...], options: dict[str, Any]
) -> Callable[..., DAG]:
    documented = {"doc_md": inspect.getdoc(function)} if function.__doc__ else {}

    @functools.wraps(function)
    def factory(*positional: Any, **named: Any) -> DAG:
        bound = inspect.signature(function).bind(*positional, **named)
        bound.apply_defaults()
        with DAG(dag_id or function.__name__, *args, **(documented | options)) as made:
            references = {name: made.param(name, value) for name, value in bound.arguments.items()}
            bound.arguments.update(references)
            function(*bound.args, **bound.kwargs)
        return made

    return factory
