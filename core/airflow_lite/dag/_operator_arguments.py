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
_ARGUMENTS: dict[str, tuple[_checks.Check, Any]] = {
    "owner": (_checks.text, None),
    "email_on_retry": (_checks.flag, None),
    "email_on_failure": (_checks.flag, None),
    "retries": (_checks.natural, "retries"),
    "retry_delay": (_checks.duration, "retry_delay"),
    "retry_exponential_backoff": (_checks.flag, None),
    "max_retry_delay": (_checks.duration, None),
    "depends_on_past": (_checks.flag, None),
    "ignore_first_depends_on_past": (_checks.flag, None),
    "wait_for_past_depends_before_skipping": (_checks.flag, None),
    "wait_for_downstream": (_checks.flag, None),
    "priority_weight": (_checks.whole, None),
    "weight_rule": (_checks.one_of(WeightRule), "weight_rule"),
    "queue": (_checks.text, "queue"),
    "pool": (_checks.text, None),
    "pool_slots": (_checks.positive, None),
    "execution_timeout": (_checks.duration, "execution_timeout"),
    **dict.fromkeys(CALLBACKS, (_checks.functions, list)),
    "pre_execute": (_checks.function, None),
    "post_execute": (_checks.function, None),
    "trigger_rule": (_checks.one_of(TriggerRule), None),
    "max_active_tis_per_dag": (_checks.positive, None),
    "max_active_tis_per_dagrun": (_checks.positive, None),
    "executor_config": (_checks.mapping, dict),
    "params": (checked_params, ParamsDict),
    "do_xcom_push": (_checks.flag, None),
    "multiple_outputs": (_checks.flag, None),
    "task_display_name": (_checks.text, None),
    "logger_name": (_checks.text, None),
    "doc": (_checks.text, None),
    "doc_md": (_checks.text, None),
    "doc_yaml": (_checks.text, None),
    "doc_rst": (_checks.text, None),
}


def operator_values(values: dict[str, Any], dag: DAG | None, owner: str) -> dict[str, Any]:
    """Return the arguments checked, and what the configuration says for those not given.

    `owner` names the task in messages, "dag.task". Raises TypeError.
    """
    defaults = dag.defaults if dag is not None else _active.current_defaults()
    concurrency = values.pop("task_concurrency")  # the older name
    if values["max_active_tis_per_dag"] is None:
        values["max_active_tis_per_dag"] = concurrency
    _checks.filled(f"Task {owner}", _ARGUMENTS, values, defaults)
    moment = _checks.optional(
        _checks.moment(dag.timezone if dag is not None else defaults.timezone)
    )
    for name in ("start_date", "end_date"):
        values[name] = _checks.checked(f"Task {owner}", name, moment, values[name])
    values["pool"] = values["pool"] or "default_pool"
    for name in ("pre_execute", "post_execute"):  # the methods keep these names
        values[f"_{name}_hook"] = values.pop(name)
    return values
