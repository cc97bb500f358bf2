"""From a DAG as written to a DagSpec: validity, topological order, effective priorities."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from enum import Enum
from graphlib import CycleError
from typing import Any

from airflow_lite.authoring.dag import DAG
from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.authoring.operators.empty import EmptyOperator
from airflow_lite.authoring.operators.sensor import BaseSensorOperator
from airflow_lite.clock import to_us
from airflow_lite.errors import AirflowDagCycleException, AirflowDagException
from airflow_lite.keys import MAX_ID_LENGTH
from airflow_lite.parsing.priority import effective_weights
from airflow_lite.spec.graph import in_order
from airflow_lite.spec.model import DagSpec, Spec, TaskSpec
from airflow_lite.spec.timetable import timezone_name
from airflow_lite.states import TriggerRule
from airflow_lite.text import is_storable, shortened

#: What has a column of its own, beside ids, which are checked where they are given.
_TEXTS_OF_DAG = ("description", "owners")
_TEXTS_OF_TASK = ("queue", "pool", "operator")


def dag_spec(dag: DAG) -> DagSpec:
    """Return the DAG as data; raise `AirflowDagException` if it is not valid."""
    order = _ordered(dag)
    _check_start(dag, order)
    for task in order:
        _check_rules(dag, task)
    weights = effective_weights(order)
    spec = _spec(
        DagSpec,
        dag,
        tasks={task.task_id: _task_spec(task, weights[task.task_id]) for task in order},
        schedule=dag.schedule_spec,
        timezone=timezone_name(dag.timezone),
        start_date_us=_earliest(dag, order),
        end_date_us=_latest(dag, order),
        display_name=dag.dag_display_name,
        owners=dag.owner,
        tags=tuple(sorted(set(dag.tags))),
        params={
            name: _plain(dag.params.get_param(name).dump(), f"DAG {dag.dag_id}: param {name!r}")
            for name in dag.params
        },
        callbacks=_callbacks(dag, "success", "failure"),
        notices=_notices(dag),
    )
    _check_texts(spec)
    return spec


def _check_texts(spec: DagSpec) -> None:
    """Refuse what does not fit its column: SQLite takes any text, PostgreSQL stops at it."""
    for name in _TEXTS_OF_DAG:
        _check_text(f"DAG {spec.dag_id}: {name}", getattr(spec, name))
    for task in spec.tasks.values():
        for name in _TEXTS_OF_TASK:
            what = f"DAG {spec.dag_id}: {name} of task {task.task_id!r}"
            _check_text(what, getattr(task, name), MAX_ID_LENGTH)


def _check_text(what: str, text: str | None, most: int | None = None) -> None:
    if text is None:
        return
    if not is_storable(text):
        raise AirflowDagException(f"{what} {shortened(ascii(text), 60)} holds what is no text.")
    if most is not None and len(text) > most:
        raise AirflowDagException(f"{what} has {len(text)} characters. Use at most {most}.")


def _ordered(dag: DAG) -> list[BaseOperator]:
    """Return the tasks, each after all before it; raise `AirflowDagCycleException`."""
    tasks = dag.task_dict
    try:
        order = in_order({name: task.upstream_task_ids for name, task in tasks.items()})
    except CycleError as error:
        cycle = error.args[1]
        shown = cycle if len(cycle) <= 12 else [*cycle[:6], "…", *cycle[-5:]]
        raise AirflowDagCycleException(
            f"Cycle detected in DAG: {dag.dag_id}. Take out one of the edges {' >> '.join(shown)}."
        ) from None
    return [tasks[name] for name in order]


def _check_start(dag: DAG, tasks: list[BaseOperator]) -> None:
    if dag.schedule_spec.kind == "none" or _earliest(dag, tasks) is not None or not tasks:
        return
    raise AirflowDagException(
        f"DAG {dag.dag_id} is missing the start_date parameter. Give it one, or schedule=None."
    )


def _check_rules(dag: DAG, task: BaseOperator) -> None:
    if dag.fail_stop and not task.is_teardown and task.trigger_rule != TriggerRule.ALL_SUCCESS:
        raise AirflowDagException(
            f"DAG {dag.dag_id}: task {task.task_id!r} has trigger_rule "
            f"'{task.trigger_rule.value}', but a 'fail-stop' DAG can only have all_success."
        )
    if task.is_setup and (loose := _loose_followers(task)):
        raise AirflowDagException(
            f"DAG {dag.dag_id}: task {loose[0]!r} follows the setup {task.task_id!r} with a"
            " trigger_rule of its own. Setup tasks must be followed with trigger rule all_success."
        )
    if task.is_teardown and task.trigger_rule != TriggerRule.ALL_DONE_SETUP_SUCCESS:
        raise AirflowDagException(
            f"DAG {dag.dag_id}: teardown task {task.task_id!r} "
            "cannot have a trigger_rule of its own."
        )


def _loose_followers(setup: BaseOperator) -> list[str]:
    rule = TriggerRule.ALL_SUCCESS
    after = setup.downstream_list
    return [task.task_id for task in after if not task.is_teardown and task.trigger_rule != rule]


def _task_spec(task: BaseOperator, weight: int) -> TaskSpec:
    return _spec(
        TaskSpec,
        task,
        operator=task.operator_name,
        downstream=tuple(sorted(task.downstream_task_ids)),
        upstream=tuple(sorted(task.upstream_task_ids)),
        priority_weight=weight,
        executor_config=_executor_config(task),
        depends_on_past=task.depends_on_past or task.wait_for_downstream,
        start_date_us=_us(task.own_start_date),
        end_date_us=_us(task.own_end_date),
        is_empty=_is_empty(task),
        is_sensor=isinstance(task, BaseSensorOperator),
        sensor_mode=task.mode if isinstance(task, BaseSensorOperator) else None,
        is_mapped=False,
        callbacks=_callbacks(task, "execute", "success", "failure", "retry", "skipped"),
        template_fields=tuple(task.template_fields),
    )


def _spec(kind: type[Spec], owner: object, **values: Any) -> Spec:
    """Return a spec: a field that is not in `values` is `owner`'s attribute of that name."""
    for item in fields(kind):  # type: ignore[arg-type]
        if item.name not in values:
            values[item.name] = _attribute(owner, item.name)
    return kind(**values)


def _attribute(owner: object, name: str) -> Any:
    """Return an attribute as data: seconds where the name ends in `_s`, microseconds in `_us`."""
    if name.endswith("_us"):
        return _us(getattr(owner, name.removesuffix("_us")))
    if name.endswith("_s"):
        duration = getattr(owner, name.removesuffix("_s"))
        return None if duration is None else duration.total_seconds()
    value = getattr(owner, name)
    return value.value if isinstance(value, Enum) else value


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else to_us(moment)


def _is_empty(task: BaseOperator) -> bool:
    """Whether the scheduler may end the task itself: it has no code of its author."""
    kind = type(task)
    untouched = all(
        getattr(kind, name) is getattr(EmptyOperator, name)
        for name in ("execute", "pre_execute", "post_execute")
    )
    hooks = "_pre_execute_hook", "_post_execute_hook", "on_execute_callback", "on_success_callback"
    return untouched and not any(getattr(task, name) for name in hooks)


def _plain(value: Any, owner: str) -> Any:
    """Return `value` as JSON holds it; raise where it cannot."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise AirflowDagException(
            f"{owner} cannot be written as JSON ({error}). "
            "Use strings, numbers, booleans, lists and dicts."
        ) from None


def _executor_config(task: BaseOperator) -> dict[str, Any]:
    if not task.executor_config:  # nearly always: parsing is quicker without JSON
        return {}
    owner = f"Task {task.dag_id}.{task.task_id}: executor_config"
    config: dict[str, Any] = _plain(task.executor_config, owner)
    return config


def _callbacks(owner: object, *events: str) -> tuple[str, ...]:
    return tuple(f"on_{event}" for event in events if getattr(owner, f"on_{event}_callback"))


def _notices(dag: DAG) -> tuple[str, ...]:
    """Return each notice once, with the first task that it is about and how many more there are."""
    tasks: dict[str, list[str]] = {}
    for task in dag.tasks:
        for notice in task.notices:
            tasks.setdefault(notice, []).append(task.task_id)
    lines = [f"DAG {dag.dag_id}: {notice}" for notice in dag.notices]
    for notice, names in tasks.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        lines.append(f"DAG {dag.dag_id}, task {names[0]}{more}: {notice}")
    return tuple(lines)


def _earliest(dag: DAG, tasks: list[BaseOperator]) -> int | None:
    """Return the DAG's start date; where it has none, the first of its tasks' (default_args)."""
    if dag.start_date is not None:
        return to_us(dag.start_date)
    return min(
        (to_us(task.start_date) for task in tasks if task.start_date is not None), default=None
    )


def _latest(dag: DAG, tasks: list[BaseOperator]) -> int | None:
    """Return the DAG's end date; where it has none, the last of its tasks', if all have one."""
    if dag.end_date is not None:
        return to_us(dag.end_date)
    dates = [task.end_date for task in tasks]
    return max((to_us(date) for date in dates if date), default=None) if all(dates) else None
