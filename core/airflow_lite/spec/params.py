"""The params of a run: the values that its DAG has, and the run's conf over them, all checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.errors import ParamValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_lite.spec.model import DagSpec


def check_conf(spec: DagSpec, conf: Mapping[str, Any]) -> None:
    """Raise `ParamValidationError` if a run of this DAG cannot have this conf."""
    for name, param in spec.params.items():
        if name not in conf and "value" not in param:
            raise ParamValidationError(
                f"DAG {spec.dag_id!r} needs a value for param {name!r}."
                f' Give it in the conf of the run: {{"{name}": …}}.'
            )
    resolve_params(spec.params, conf)


def resolve_params(params: Mapping[str, Any], conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the params of a run: `DagSpec.params` with the run's conf over them, all checked.

    Raises `ParamValidationError`. Keys of the conf that are no params are added as they are.
    """
    defaults = {name: param["value"] for name, param in params.items() if "value" in param}
    values = {**defaults, **(conf or {})}
    for name, param in params.items():
        if name not in values:
            raise missing_value(name)
        check_value(name, values[name], param.get("schema", {}))
    return values


def check_value(name: str, value: Any, schema: Mapping[str, Any]) -> None:
    """Raise `ParamValidationError` if a param cannot have this value."""
    if not schema:
        return
    from airflow_lite.spec.json_schema import fault

    reason = fault(value, schema)
    if reason is not None:
        raise ParamValidationError(f"Invalid input for param {name!r}: {reason}")


def missing_value(name: str) -> ParamValidationError:
    """Return the error of a param that has neither a value nor a default."""
    return ParamValidationError(f"Param {name!r} has no value and no default. Give it one.")
