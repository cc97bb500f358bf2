"""A DAG as data: what parsing a file yields, the store keeps and the scheduler reads.

Durations are seconds, moments microseconds since 1970 UTC. `to_json` and `from_json` are exact
inverses; unknown keys of a newer version are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

from airflow_lite.spec import mapping
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
    executor: str | None = None  # a half of the configured hybrid, in place of the queue's
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
    expansion: list[Any] | None = None  # of a mapped task: how many instances; see `spec.mapping`
    mapped_over: tuple[str, ...] = ()  # the tasks whose results it is mapped over
    pairwise: tuple[str, ...] = ()  # tasks before it of which only the same map index counts
    waits_for_dag: str | None = None  # of a sensor: the other DAG
    triggers_dag: str | None = None  # which it starts a run of
    owner: str = "airflow"
    callbacks: tuple[str, ...] = ()  # of on_execute, on_success, on_failure, on_retry, on_skipped
    template_fields: tuple[str, ...] = ()
    outlets: tuple[str, ...] = ()  # URIs of datasets that it changes
    outlet_aliases: tuple[str, ...] = ()
    doc_md: str | None = None

    @property
    def is_mapped(self) -> bool:
        """Whether it has instances by map index."""
        return self.expansion is not None

    @property
    def literal_length(self) -> int | None:
        """How many instances it has in every run; None: it is not mapped, or a run tells."""
        if self.expansion is None:
            return None
        return mapping.length(self.expansion, lambda _: None)

    @property
    def first_indexes(self) -> Sequence[int]:
        """The map indexes that a new run has: those of literals, else one that stands for all."""
        return range(self.literal_length) if self.literal_length else (-1,)


class DagRunInfo(NamedTuple):
    """A run to come: its logical date, its data interval and when it is due."""

    logical_us: int
    interval_start_us: int
    interval_end_us: int
    run_after_us: int


@dataclass(frozen=True)
class ScheduleSpec:
    """A timetable as data.

    `kind` is none, once, continuous, cron or delta, whose runs cover the time up to the next one;
    cron_trigger or events, whose runs are made at moments; own, a timetable of an author; or
    dataset, which has no time.
    """

    kind: str = "none"
    expression: str = ""  # cron: five fields, presets resolved; cron_trigger: one a line
    delta_s: float = 0.0  # delta: from run to run; cron_trigger: that a run looks back
    summary: str = "None"  # as shown to people: "@daily", "0:30:00"
    description: str = ""
    timezone: str = ""  # in whose local time cron fires; empty: the DAG's
    moments_us: tuple[int, ...] = ()  # events: in order
    are_all_moments: bool = False  # events: whether manual runs are of one of them, too
    datasets: Any = None  # that trigger runs, besides: an expression of `spec.datasets`
    timetable: str = ""  # own: the name under which an installed distribution offers it
    arguments: Any = None  # own: what its `serialize` returned, as JSON holds it
    can_be_scheduled: bool = True  # own: whether it makes runs by itself

    @property
    def has_time(self) -> bool:
        """Whether runs follow from the time."""
        return self.kind not in {"none", "dataset"} and self.can_be_scheduled


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
    max_consecutive_failed_dag_runs: int = 0  # after which it is paused; 0: never
    dagrun_timeout_s: float | None = None
    fail_stop: bool = False
    is_paused_upon_creation: bool | None = None
    description: str | None = None
    display_name: str | None = None
    owners: str = "airflow"
    tags: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)  # name -> {"value": …, "schema": {…}}
    callbacks: tuple[str, ...] = ()  # of on_success, on_failure
    datasets: dict[str, Any] = field(default_factory=dict)  # in schedule and outlets: URI -> extra
    #: The tasks of each group that are not just those whose ids begin with its own: group -> ids.
    groups: dict[str, Any] = field(default_factory=dict)
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

    def subset(self, task_ids: Container[str]) -> DagSpec:
        """Return the DAG with these tasks alone, and with the edges between them."""
        kept = {name: _cut(task, task_ids) for name, task in self.tasks.items() if name in task_ids}
        return replace(self, tasks=kept)

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
        """Ids of the tasks whose instances wait for more than others: a limit, or one executor."""
        return frozenset(
            name
            for name, task in self.tasks.items()
            if (task.max_active_tis_per_dag, task.max_active_tis_per_dagrun, task.executor)
            != (None, None, None)
        )

    @cached_property
    def result_lengths(self) -> frozenset[str]:
        """Ids of the tasks by whose results the number of another's instances goes."""
        expansions = (task.expansion for task in self.tasks.values() if task.expansion is not None)
        return frozenset(name for item in expansions for name in mapping.sources(item))

    @cached_property
    def indirect_setups(self) -> dict[str, tuple[str, ...]]:
        """Task id to the set-ups in whose scope it is, except its direct upstream."""
        return indirect_setups(self.tasks)


def _cut(task: TaskSpec, task_ids: Container[str]) -> TaskSpec:
    """Return a task that neither waits for one that is left out nor is waited for by one.

    What it is mapped over stays: without the result there is nothing to map it over.
    """
    upstream, downstream, pairwise = (
        tuple(name for name in names if name in task_ids)
        for names in (task.upstream, task.downstream, task.pairwise)
    )
    return replace(task, upstream=upstream, downstream=downstream, pairwise=pairwise)


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
