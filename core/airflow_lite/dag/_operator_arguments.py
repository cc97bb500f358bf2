"""The arguments of BaseOperator: their checks, and what holds where they are not given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.dag import _active, _checks
from airflow_lite.dag.param import ParamsDict, checked_params
from airflow_lite.states import TriggerRule, WeightRule

if TYPE_CHECKING:
    from airflow_lite.dag.dag import DAG

CALLBACKS = (
    "on_execute_callback",
    "on_success_callback",
    "on_failure_callback",
    "on_retry_callback",
    "on_skipped_callback",
)
_CHECKS: dict[str, _checks.Check] = {
    "owner": _checks.text,
    "email_on_retry": _checks.flag,
    "email_on_failure": _checks.flag,
    "retries": _checks.natural,
    "retry_delay": _checks.duration,
    "retry_exponential_backoff": _checks.flag,
    "max_retry_delay": _checks.duration,
    "depends_on_past": _checks.flag,
    "ignore_first_depends_on_past": _checks.flag,
    "wait_for_past_depends_before_skipping": _checks.flag,
    "wait_for_downstream": _checks.flag,
    "priority_weight": _checks.whole,
    "weight_rule": _checks.one_of(WeightRule),
    "queue": _checks.text,
    "pool": _checks.text,
    "pool_slots": _checks.positive,
    "execution_timeout": _checks.duration,
    **dict.fromkeys(CALLBACKS, _checks.functions),
    "pre_execute": _checks.function,
    "post_execute": _checks.function,
    "trigger_rule": _checks.one_of(TriggerRule),
    "max_active_tis_per_dag": _checks.positive,
    "max_active_tis_per_dagrun": _checks.positive,
    "executor_config": _checks.mapping,
    "params": checked_params,
    "do_xcom_push": _checks.flag,
    "multiple_outputs": _checks.flag,
    "task_display_name": _checks.text,
    "logger_name": _checks.text,
    "doc": _checks.text,
    "doc_md": _checks.text,
    "doc_yaml": _checks.text,
    "doc_rst": _checks.text,
}


def operator_values(values: dict[str, Any], dag: DAG | None, owner: str) -> dict[str, Any]:
    """Return the arguments checked, and what the configuration says for those not given.

    `owner` names the task in messages, "dag.task". Raises TypeError.
    """
    defaults = dag.defaults if dag is not None else _active.current_defaults()
    concurrency = values.pop("task_concurrency")  # the older name
    if values["max_active_tis_per_dag"] is None:
        values["max_active_tis_per_dag"] = concurrency
    moment = _checks.moment(dag.timezone if dag is not None else defaults.timezone)
    for name, check in (*_CHECKS.items(), ("start_date", moment), ("end_date", moment)):
        if values[name] is not None:
            values[name] = _checks.checked(f"Task {owner}", name, check, values[name])
    for name in ("pre_execute", "post_execute"):  # the methods keep these names
        values[f"_{name}_hook"] = values.pop(name)
    for name in ("retries", "retry_delay", "weight_rule", "queue", "execution_timeout"):
        if values[name] is None:
            values[name] = getattr(defaults, name)
    for name in CALLBACKS:
        values[name] = values[name] or []
    values["params"] = ParamsDict() if values["params"] is None else values["params"]
    values["pool"] = values["pool"] or "default_pool"
    values["executor_config"] = values["executor_config"] or {}
    return values
