"""From a DAG as written to a DagSpec: validity, topological order, effective priorities."""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import fields
from datetime import datetime
from enum import Enum
from graphlib import CycleError
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.dag import DAG
from airflow_lite.authoring.datasets.model import Dataset, DatasetAlias, condition_of
from airflow_lite.authoring.graph.mapped_group import MappedTaskGroup, mapped_group_of
from airflow_lite.authoring.graph.task_group import TaskGroup
from airflow_lite.authoring.mapping.expand_input import ExpandInput
from airflow_lite.authoring.mapping.mapped_operator import MappedOperator
from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.authoring.operators.empty import EmptyOperator
from airflow_lite.authoring.operators.sensor import BaseSensorOperator
from airflow_lite.authoring.timetables import DatasetOrTimeSchedule
from airflow_lite.clock import to_us
from airflow_lite.errors import AirflowDagCycleException, AirflowDagException
from airflow_lite.keys import MAX_ID_LENGTH
from airflow_lite.parsing.priority import effective_weights
from airflow_lite.spec.graph import in_order
from airflow_lite.spec.model import DagSpec, Spec, TaskSpec
from airflow_lite.spec.pace import timezone_name
from airflow_lite.states import TriggerRule
from airflow_lite.text import is_storable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What has a column of its own, beside ids, which are checked where they are given.
_TEXTS_OF_DAG = ("description", "owners")
_TEXTS_OF_TASK = ("queue", "pool", "operator")
_ONE_OF = (TriggerRule.ONE_SUCCESS, TriggerRule.ONE_FAILED, TriggerRule.ONE_DONE)


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
        datasets=_datasets(dag, order),
        groups=dict(_odd_groups(dag.task_group, sorted(dag.task_dict))),
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
    is_sensor = issubclass(_class(task), BaseSensorOperator)
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
        is_sensor=is_sensor,
        waits_for_dag=_named_dag(task, "external_dag_id") if is_sensor else None,
        triggers_dag=_named_dag(task, "trigger_dag_id"),
        sensor_mode=_sensor_mode(task),
        expansion=_expansion(task),
        mapped_over=_mapped_over(task),
        pairwise=_pairwise(task),
        callbacks=_callbacks(task, "execute", "success", "failure", "retry", "skipped"),
        template_fields=tuple(task.template_fields),
        outlets=_outlets(task, Dataset, "uri"),
        outlet_aliases=_outlets(task, DatasetAlias, "name"),
    )


def _named_dag(task: BaseOperator, argument: str) -> str | None:
    """Return the DAG that an argument names, as written; None: there is none, or a run tells."""
    value = getattr(task, argument, None)
    return value if isinstance(value, str) else None


def _expansion(task: BaseOperator) -> list[Any] | None:
    """Return how many instances a mapped task has: itself, or by its group."""
    source = _expand_input(task)
    return None if source is None else source.expansion


def _mapped_over(task: BaseOperator) -> tuple[str, ...]:
    source = _expand_input(task)
    return () if source is None else tuple(sorted(root.task_id for root in source.sources))


def _expand_input(task: BaseOperator) -> ExpandInput | None:
    if isinstance(task, MappedOperator):
        return task.expand_input
    group = mapped_group_of(task.task_group)
    return None if group is None else group.expand_input


def _pairwise(task: BaseOperator) -> tuple[str, ...]:
    """Return the tasks of its mapped group of which an instance looks at that of its own index.

    As in Airflow 2.10, a task directly in the group whose rule asks for one of those before it
    looks at all of them.
    """
    group = mapped_group_of(task.task_group)
    if group is None:
        return ()
    inside = {other.task_id for other in group}
    if isinstance(task.task_group, MappedTaskGroup) and task.trigger_rule in _ONE_OF:
        return ()
    setups = {other.task_id for other in task.get_flat_relatives(upstream=True) if other.is_setup}
    return tuple(sorted(inside & (task.upstream_task_ids | setups)))


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


def _class(task: BaseOperator) -> type[BaseOperator]:
    """Return the class of a task's operator; of a mapped task, of those of its instances."""
    return task.operator_class if isinstance(task, MappedOperator) else type(task)


def _sensor_mode(task: BaseOperator) -> str | None:
    if not issubclass(_class(task), BaseSensorOperator):
        return None
    if isinstance(task, MappedOperator):
        return str(task.partial_kwargs.get("mode", "poke"))
    return str(getattr(task, "mode", "poke"))


def _is_empty(task: BaseOperator) -> bool:
    """Whether the scheduler may end the task itself: it has no code of its author."""
    kind = _class(task)
    untouched = all(
        getattr(kind, name) is getattr(EmptyOperator, name)
        for name in ("execute", "pre_execute", "post_execute")
    )
    hooks = "_pre_execute_hook", "_post_execute_hook", "on_execute_callback", "on_success_callback"
    return untouched and not any(getattr(task, name) for name in (*hooks, "outlets"))


def _outlets(task: BaseOperator, kind: type, name: str) -> tuple[str, ...]:
    """Return the names of the outlets of a kind, each once."""
    return tuple(
        dict.fromkeys(getattr(item, name) for item in task.outlets if isinstance(item, kind))
    )


def _datasets(dag: DAG, tasks: list[BaseOperator]) -> dict[str, Any]:
    """Return the extras of the datasets that the DAG waits for or changes, by their URIs."""
    found: dict[str, Dataset] = {}
    for task in tasks:
        found |= {item.uri: item for item in task.outlets if isinstance(item, Dataset)}
    condition = condition_of(dag.schedule)
    if isinstance(dag.schedule, DatasetOrTimeSchedule):
        condition = dag.schedule.dataset_condition
    found |= {} if condition is None else dict(condition.iter_datasets())
    return {
        uri: _plain(dataset.extra or {}, f"DAG {dag.dag_id}: the extra of dataset {uri!r}")
        for uri, dataset in found.items()
    }


def _odd_groups(group: TaskGroup, every: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the groups inside whose tasks' ids do not tell that they are in it, and those tasks.

    `every` task id is in order, so that those with a prefix stand side by side.
    """
    for child in group.children.values():
        if isinstance(child, TaskGroup):
            tasks = sorted(task.task_id for task in child)
            first = bisect_left(every, f"{child.node_id}.")
            if tasks != every[first : bisect_left(every, f"{child.node_id}/")]:  # "/" follows "."
                yield child.node_id, tasks
            yield from _odd_groups(child, every)


def _plain(
    value: Any, owner: str, model_data: Callable[[Any], dict[str, Any]] | None = None
) -> Any:
    """Return `value` as JSON holds it, models by what `model_data` says; raise where it cannot."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=model_data))
    except (TypeError, ValueError, RecursionError) as error:
        raise AirflowDagException(
            f"{owner} cannot be written as JSON ({error}). "
            "Use strings, numbers, booleans, lists and dicts."
        ) from None


def _executor_config(task: BaseOperator) -> dict[str, Any]:
    if not task.executor_config:  # nearly always: parsing is quicker without JSON
        return {}
    owner = f"Task {task.dag_id}.{task.task_id}: executor_config"
    config: dict[str, Any] = _plain(task.executor_config, owner, _model_data)
    return config


def _model_data(model: Any) -> dict[str, Any]:
    """Return a model of Kubernetes' client, such as a V1Pod, as Kubernetes writes it.

    Classes of clients up to 36 have the names of fields in `attribute_map`, those of others write
    themselves so in `to_dict`. Fields that are None are not set.
    """
    names = getattr(model, "attribute_map", None)
    if isinstance(names, dict):
        fields = {written: getattr(model, name) for name, written in names.items()}
    elif callable(getattr(model, "to_dict", None)):
        fields = model.to_dict()
    else:
        raise TypeError(f"Object of type {type(model).__name__} is not JSON serializable")
    return {name: value for name, value in fields.items() if value is not None}


def _callbacks(owner: DAG | BaseOperator, *events: str) -> tuple[str, ...]:
    return tuple(f"on_{event}" for event in events if owner.callbacks_on(event))


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
