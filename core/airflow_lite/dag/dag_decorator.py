"""What `@dag` makes of a function, and params that the function hands to its tasks."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from airflow_lite.dag.dag import DAG
from airflow_lite.dag.param import NOTSET
from airflow_lite.dag.references import Reference
from airflow_lite.errors import AirflowException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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


def dag_factory(
    function: Callable[..., Any], dag_id: str, args: tuple[Any, ...], options: Mapping[str, Any]
) -> Callable[..., DAG]:
    """Return what `@dag` makes of `function`: calling it makes and returns the DAG."""

    @functools.wraps(function)
    def factory(*positional: Any, **named: Any) -> DAG:
        bound = inspect.signature(function).bind(*positional, **named)
        bound.apply_defaults()
        with DAG(dag_id or function.__name__, *args, **_with_docs(function, options)) as made:
            references = {name: made.param(name, value) for name, value in bound.arguments.items()}
            bound.arguments.update(references)
            function(*bound.args, **bound.kwargs)
        return made

    return factory


def _with_docs(function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    documented = {"doc_md": inspect.getdoc(function)} if function.__doc__ else {}
    return {**documented, **options}
