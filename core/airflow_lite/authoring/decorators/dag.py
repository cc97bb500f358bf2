"""`@dag`: functions whose call makes a DAG, and params that they hand to its tasks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, overload

from airflow_lite.authoring.dag import DAG

P = ParamSpec("P")


@overload
def dag(dag_id: Callable[P, Any]) -> Callable[P, DAG]: ...


@overload
def dag(
    dag_id: str = "", *args: Any, **kwargs: Any
) -> Callable[[Callable[P, Any]], Callable[P, DAG]]: ...


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
