"""Params: named values of a DAG or task, each with a JSON schema, that a run's conf may replace."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from airflow_lite.authoring.arguments.checks import WrongType
from airflow_lite.authoring.arguments.references import Reference
from airflow_lite.errors import AirflowException
from airflow_lite.spec.params import check_value, missing_value

#: The value of a Param without a default: a run must bring one.
NOTSET: Any = type("_NotSet", (), {"__repr__": lambda _: "NOTSET", "__bool__": lambda _: False})()


class Param:
    """One value with its schema: `Param(5, type="integer", minimum=1)`.

    `default` is the value if a run brings none, `description` is for people, all else are keywords
    of JSON Schema (draft 2020-12, or the one that `$schema` names); those of other use are kept.
    """

    def __init__(
        self, default: Any = NOTSET, description: str | None = None, **kwargs: Any
    ) -> None:
        self.value = default
        self.description = description
        self.schema: dict[str, Any] = kwargs.pop("schema", kwargs)

    def resolve(self, value: Any = NOTSET, *, name: str = "param") -> Any:
        """Return `value`, or the default, once checked; raise `ParamValidationError`."""
        chosen = self.value if value is NOTSET else value
        if chosen is NOTSET:
            raise missing_value(name)
        check_value(name, chosen, self.schema)
        return chosen

    def prepare(self) -> None:
        """Import and keep what checks values, so that a process forked later has it."""
        if self.schema:
            from airflow_lite.spec.json_schema import fault

            fault(None, self.schema)

    def dump(self) -> dict[str, Any]:
        """Return the param as `DagSpec.params` holds it; without "value" where there is none."""
        data: dict[str, Any] = {"schema": self.schema}
        if self.value is not NOTSET:
            data["value"] = self.value
        if self.description is not None:
            data["description"] = self.description
        return data


class ParamsDict(MutableMapping[str, Any]):
    """Params by name: reading gives values, `get_param` the Param."""

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        self._params: dict[str, Param] = {}
        if isinstance(params, ParamsDict):
            self._params = {name: copy.copy(param) for name, param in params._params.items()}  # noqa: SLF001
            return
        for name, value in (params or {}).items():
            self[name] = value

    def __getitem__(self, name: str) -> Any:
        return self._params[name].resolve(name=name)

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"The name of a param must be a string; got {name!r}.")
        if isinstance(value, Param):
            self._params[name] = value
        elif name in self._params:
            changed = copy.copy(self._params[name])
            changed.value = value
            self._params[name] = changed
        else:
            self._params[name] = Param(value)

    def __delitem__(self, name: str) -> None:
        del self._params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __or__(self, other: ParamsDict) -> ParamsDict:
        merged = ParamsDict(self)
        for name in other:
            merged[name] = other.get_param(name)
        return merged

    def __repr__(self) -> str:
        return repr({name: param.value for name, param in self._params.items()})

    def get_param(self, name: str) -> Param:
        """Return the Param itself."""
        return self._params[name]

    def prepare(self) -> None:
        """Import and keep what checks values, so that a process forked later has it."""
        for param in self._params.values():
            param.prepare()

    def dump(self) -> dict[str, Any]:
        """Return the values as a plain dict, unchecked."""
        return {name: param.value for name, param in self._params.items()}

    def validate(self) -> dict[str, Any]:
        """Return all values, each checked; raise `ParamValidationError`."""
        return {name: param.resolve(name=name) for name, param in self._params.items()}


def checked_params(value: object) -> ParamsDict:
    """Return an author's params; raise `WrongType` if they are no dict."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise WrongType("a dict of values or Params")
    return ParamsDict(value)


def task_params(task: Any, conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the `params` of a task's context: the DAG's, the task's, then the run's conf."""
    merged: ParamsDict = ParamsDict(task.dag.params if task.has_dag() else None) | task.params
    merged.update(conf or {})
    return merged.validate()


class DagParam(Reference):
    """A param of the DAG in a task's arguments; it has its value when the task runs."""

    def __init__(self, params: ParamsDict, name: str, default: Any = NOTSET) -> None:
        if default is not NOTSET:
            params[name] = default
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
