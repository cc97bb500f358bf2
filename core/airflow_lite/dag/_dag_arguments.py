"""The arguments of DAG: their checks, and what holds where they are not given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.dag import _checks
from airflow_lite.dag.param import checked_params

if TYPE_CHECKING:
    from airflow_lite.dag.defaults import AuthorDefaults

_CHECKS: dict[str, _checks.Check] = {
    "description": _checks.text,
    "template_searchpath": _checks.search_path,
    "user_defined_macros": _checks.mapping,
    "user_defined_filters": _checks.mapping,
    "default_args": _checks.mapping,
    "params": checked_params,
    "concurrency": _checks.natural,
    "max_active_tasks": _checks.natural,
    "max_active_runs": _checks.natural,
    "max_consecutive_failed_dag_runs": _checks.natural,
    "dagrun_timeout": _checks.duration,
    "catchup": _checks.flag,
    "on_success_callback": _checks.functions,
    "on_failure_callback": _checks.functions,
    "doc_md": _checks.text,
    "is_paused_upon_creation": _checks.flag,
    "jinja_environment_kwargs": _checks.mapping,
    "render_template_as_native_obj": _checks.flag,
    "tags": _checks.names,
    "auto_register": _checks.flag,
    "fail_stop": _checks.flag,
    "dag_display_name": _checks.text,
}


def dag_values(values: dict[str, Any], dag_id: str, defaults: AuthorDefaults) -> dict[str, Any]:
    """Return the arguments checked, and what the configuration says for those not given.

    Params of default_args go beneath the DAG's own. Raises TypeError.
    """
    for name, check in _CHECKS.items():
        if values[name] is not None:
            values[name] = _checks.checked(f"DAG {dag_id}", name, check, values[name])
    concurrency = values.pop("concurrency")  # the older name
    if values["max_active_tasks"] is None:
        values["max_active_tasks"] = concurrency
    for name, default in _fallbacks(dag_id, defaults).items():
        values[name] = default if values[name] is None else values[name]
    params = _checks.checked(
        f"DAG {dag_id}", "params", checked_params, values["default_args"].pop("params", {})
    )
    for name in values["params"]:
        params[name] = values["params"].get_param(name)
    return {**values, "params": params}


def _fallbacks(dag_id: str, defaults: AuthorDefaults) -> dict[str, Any]:
    return {
        "max_active_tasks": defaults.max_active_tasks,
        "max_active_runs": defaults.max_active_runs,
        "catchup": defaults.catchup,
        "dag_display_name": dag_id,
        "tags": (),
        "template_searchpath": (),
        "default_args": {},
        "user_defined_macros": {},
        "user_defined_filters": {},
        "params": {},
        "on_success_callback": [],
        "on_failure_callback": [],
    }
