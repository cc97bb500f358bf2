"""The arguments of DAG: their checks, and what holds where they are not given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.dag import _checks
from airflow_lite.dag.param import ParamsDict, checked_params

if TYPE_CHECKING:
    from airflow_lite.dag.defaults import AuthorDefaults

_ARGUMENTS: dict[str, tuple[_checks.Check, Any]] = {
    "description": (_checks.text, None),
    "template_searchpath": (_checks.search_path, tuple),
    "user_defined_macros": (_checks.mapping, dict),
    "user_defined_filters": (_checks.mapping, dict),
    "default_args": (_checks.mapping, dict),
    "params": (checked_params, ParamsDict),
    "max_active_tasks": (_checks.natural, "max_active_tasks"),
    "max_active_runs": (_checks.natural, "max_active_runs"),
    "max_consecutive_failed_dag_runs": (_checks.natural, None),
    "dagrun_timeout": (_checks.duration, None),
    "catchup": (_checks.flag, "catchup"),
    "on_success_callback": (_checks.functions, list),
    "on_failure_callback": (_checks.functions, list),
    "doc_md": (_checks.text, None),
    "is_paused_upon_creation": (_checks.flag, None),
    "jinja_environment_kwargs": (_checks.mapping, None),
    "render_template_as_native_obj": (_checks.flag, None),
    "tags": (_checks.names, tuple),
    "auto_register": (_checks.flag, None),
    "fail_stop": (_checks.flag, None),
    "dag_display_name": (_checks.text, None),
}


def dag_values(values: dict[str, Any], dag_id: str, defaults: AuthorDefaults) -> dict[str, Any]:
    """Return the arguments checked, and what the configuration says for those not given.

    Params of default_args go beneath the DAG's own. Raises TypeError.
    """
    owner = f"DAG {dag_id}"
    natural = _checks.optional(_checks.natural)
    older = _checks.checked(owner, "concurrency", natural, values.pop("concurrency"))
    if values["max_active_tasks"] is None:
        values["max_active_tasks"] = older
    _checks.filled(owner, _ARGUMENTS, values, defaults)
    values["dag_display_name"] = values["dag_display_name"] or dag_id
    shared = values["default_args"].pop("params", {})
    params = _checks.checked(owner, "params", checked_params, shared)
    for name in values["params"]:
        params[name] = values["params"].get_param(name)
    return {**values, "params": params}
