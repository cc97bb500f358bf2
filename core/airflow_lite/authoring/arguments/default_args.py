"""default_args: arguments that an operator takes from its DAG and groups."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from airflow_lite.authoring import current
from airflow_lite.authoring.arguments import checks
from airflow_lite.errors import AirflowDagException


def with_default_args(init: Callable[..., None]) -> Callable[..., None]:
    """Let an operator's `__init__` take its missing arguments from default_args."""
    parameters = list(inspect.signature(init).parameters.values())[1:]
    named = [
        item for item in parameters if item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)
    ]
    names = frozenset(item.name for item in named) - {"default_args", "dag", "task_group"}
    required = [item.name for item in named if item.default is item.empty]

    @functools.wraps(init)
    def wrapper(self: Any, *args: object, **kwargs: Any) -> None:
        if args:
            raise TypeError(f"Use keyword arguments to make a {type(self).__name__}.")
        outermost = "_defaults_in_force" not in self.__dict__
        if outermost:
            self.__dict__["_defaults_in_force"] = _default_args(kwargs)
            kwargs = _with_own_params(kwargs)
        defaults = self.__dict__["_defaults_in_force"]
        if defaults:
            kwargs = {name: defaults[name] for name in names & defaults.keys()} | kwargs
        missing = [name for name in required if name not in kwargs]
        if missing:
            raise TypeError(_missing_message(self, missing, kwargs))
        init(self, **kwargs)
        if outermost:
            del self.__dict__["_defaults_in_force"]
            if "_initialised" not in self.__dict__:
                raise AirflowDagException(
                    f"{type(self).__name__}.__init__ does not call super().__init__(**kwargs),"
                    " so there would be no task."
                )
            self._finish()

    return wrapper


def _default_args(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    dag, group = current.place(kwargs.get("dag"), kwargs.get("task_group"))
    defaults: dict[str, Any] = dict(dag.default_args) if dag is not None else {}
    if group is not None:
        defaults |= group.default_args
    own = kwargs.get("default_args")
    if own is not None:
        defaults |= checks.checked("Operator", "default_args", checks.mapping, own)
    return defaults


def _with_own_params(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Put the params of a task's own default_args over its params, as Airflow does."""
    params, shared = kwargs.get("params"), (kwargs.get("default_args") or {}).get("params")
    if not isinstance(params, Mapping) or not isinstance(shared, Mapping):
        return kwargs
    return {**kwargs, "params": {**params, **shared}}


def _missing_message(operator: object, names: list[str], kwargs: Mapping[str, Any]) -> str:
    task = f" (task_id: {kwargs['task_id']})" if "task_id" in kwargs else ""
    shown = ", ".join(map(repr, names))
    plural = "s" if len(names) > 1 else ""
    return f"{type(operator).__name__}{task}: missing keyword argument{plural} {shown}."
