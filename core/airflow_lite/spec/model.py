"""A DAG as data: what parsing a file yields, the store keeps and the scheduler reads.

Durations are seconds, moments microseconds since 1970 UTC. `to_json` and `from_json` are exact
inverses; unknown keys of a newer version are ignored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from functools import cached_property
from hashlib import sha256
from typing import Any, TypeVar

from airflow_lite.spec.graph import effective_leaves, in_order, indirect_setups

Spec = TypeVar("Spec")


@dataclass(frozen=True)
class TaskSpec:
    """One task: what the scheduler needs of it, and none of its code."""

    task_id: str
    operator: str = "BaseOperator"
    downstream: tuple[str, ...] = ()  # direct, sorted
    upstream: tuple[str, ...] = ()  # direct, sorted
    trigger_rule: str = "all_success"
    retries: int = 0
    retry_delay_s: float = 300.0
    retry_exponential_backoff: bool = False
    max_retry_delay_s: float | None = None
    execution_timeout_s: float | None = None
    pool: str = "default_pool"
    pool_slots: int = 1
    queue: str = "default"
    priority_weight: int = 1  # effective: after the weight rule
    executor_config: dict[str, Any] = field(default_factory=dict)
    depends_on_past: bool = False
    wait_for_downstream: bool = False
    ignore_first_depends_on_past: bool = True
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None
    start_date_us: int | None = None
    end_date_us: int | None = None
    is_empty: bool = False  # EmptyOperator without callbacks: ends in the scheduler
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False  # of a teardown
    is_sensor: bool = False
    sensor_mode: str | None = None  # poke, reschedule
    is_mapped: bool = False
    owner: str = "airflow"
    callbacks: tuple[str, ...] = ()  # of on_execute, on_success, on_failure, on_retry, on_skipped
    template_fields: tuple[str, ...] = ()
    doc_md: str | None = None


@dataclass(frozen=True)
class ScheduleSpec:
    """A timetable as data.

    `kind` is none, once, continuous, cron or delta. Cron fires in local time of `timezone`.
    """

    kind: str = "none"
    expression: str = ""  # cron: five fields, presets resolved
    delta_s: float = 0.0  # delta
    summary: str = "None"  # as shown to people: "@daily", "0:30:00"
    description: str = ""


@dataclass(frozen=True)
class DagSpec:
    """One DAG: its settings, schedule and tasks by id in topological order."""

    dag_id: str
    tasks: dict[str, TaskSpec] = field(default_factory=dict)
    schedule: ScheduleSpec = field(default_factory=ScheduleSpec)
    timezone: str = "UTC"
    start_date_us: int | None = None
    end_date_us: int | None = None
    catchup: bool = True
    max_active_runs: int = 16
    max_active_tasks: int = 16
    dagrun_timeout_s: float | None = None
    fail_stop: bool = False
    is_paused_upon_creation: bool | None = None
    description: str | None = None
    display_name: str | None = None
    owners: str = "airflow"
    tags: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)  # name -> {"value": …, "schema": {…}}
    callbacks: tuple[str, ...] = ()  # of on_success, on_failure
    edge_info: dict[str, Any] = field(default_factory=dict)  # from -> to -> {"label": …}
    doc_md: str | None = None
    notices: tuple[str, ...] = ()  # one line each for what was accepted but has no effect
    render_template_as_native_obj: bool = False

    def to_json(self) -> str:
        """Return the DAG as one line of JSON, the same for equal DAGs."""
        # Not asdict: it copies every value, which takes longer than all the rest of parsing.
        plain = _plain(self)
        options = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
        return json.dumps(plain, default=_plain, **options)  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, text: str) -> DagSpec:
        """Read what `to_json` wrote."""
        data = json.loads(text)
        by_name = {name: _read(TaskSpec, task) for name, task in data.pop("tasks").items()}
        # By name, to_json has lost their order.
        order = in_order({name: task.upstream for name, task in by_name.items()})
        tasks = {name: by_name[name] for name in order}
        schedule = _read(ScheduleSpec, data["schedule"])
        return _read(cls, {**data, "schedule": schedule, "tasks": tasks})

    @property
    def digest(self) -> str:
        """SHA-256 of the JSON form: two DAGs with the same digest are the same version."""
        return sha256(self.to_json().encode()).hexdigest()

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """Ids of the tasks with nothing upstream."""
        return tuple(name for name, task in self.tasks.items() if not task.upstream)

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """Ids of the tasks with nothing downstream."""
        return tuple(name for name, task in self.tasks.items() if not task.downstream)

    @cached_property
    def effective_leaves(self) -> tuple[str, ...]:
        """Ids of the tasks by whose states a run is judged: leaves, most teardowns aside."""
        return effective_leaves(self.tasks)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Task id to its place in the topological order."""
        return {name: place for place, name in enumerate(self.tasks)}

    @cached_property
    def tasks_asking_past(self) -> tuple[TaskSpec, ...]:
        """The tasks that wait for their own state, or their downstream's, in the run before."""
        tasks = self.tasks.values()
        return tuple(task for task in tasks if task.depends_on_past or task.wait_for_downstream)

    @cached_property
    def limited_tasks(self) -> frozenset[str]:
        """Ids of the tasks of which only so many instances may be active at once."""
        return frozenset(
            name
            for name, task in self.tasks.items()
            if (task.max_active_tis_per_dag, task.max_active_tis_per_dagrun) != (None, None)
        )

    @cached_property
    def indirect_setups(self) -> dict[str, tuple[str, ...]]:
        """Task id to the set-ups in whose scope it is, except its direct upstream."""
        return indirect_setups(self.tasks)


def _plain(item: Any) -> dict[str, Any]:
    return {attribute.name: getattr(item, attribute.name) for attribute in fields(item)}


def _read(kind: type[Spec], data: dict[str, Any]) -> Spec:
    types = {item.name: item.type for item in fields(kind)}  # type: ignore[arg-type]
    return kind(
        **{
            name: tuple(value) if str(types[name]).startswith("tuple") else value
            for name, value in data.items()
            if name in types
        }
    )
