"""What a scheduler owns, in memory: DAGs, unfinished runs, their instances, who is active."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.scheduler.model import Instance, Run
from airflow_lite.scheduler.ready import Ready
from airflow_lite.states import ACTIVE, DagRunState, TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_lite.dag.spec import DagSpec


@dataclass
class OwnedDag:
    """A DAG as its row says it is, with its newest definition."""

    dag_id: str
    version_id: int
    spec: DagSpec
    is_paused: bool = False
    is_active: bool = True
    row_version: int = 0
    pickle_id: int | None = None
    next_create_after_us: int | None = None  # when to look at its schedule again
    told_create_after_us: int | None = None  # what its row says of that
    knows_last: bool = False  # whether its newest scheduled run was looked for
    last_end_us: int | None = None  # the end of that one's data interval

    @property
    def may_schedule(self) -> bool:
        """Whether runs may start and tasks be queued: neither paused nor vanished."""
        return self.is_active and not self.is_paused


@dataclass
class OwnedRun:
    """A running run, its instances by row id, and what must be done for it in this pass."""

    run: Run
    by_id: dict[int, Instance]
    ready: Ready = field(default_factory=Ready)
    seen: list[Instance] = field(default_factory=list)  # events for `advance`
    moved: bool = False  # an instance changed: later runs may have waited for it


@dataclass
class Active:
    """An attempt that is queued or running, as far as was seen."""

    run: Run
    instance: Instance
    token: str
    try_number: int
    is_foreign: bool = False  # not in our executor: of a scheduler that died, or run by hand
    revoke_sent: bool = False

    @property
    def is_live(self) -> bool:
        """Whether its instance is still queued, running or restarting under it."""
        return self.instance.attempt == self.token and self.instance.state in ACTIVE


class Aside(NamedTuple):
    """A run that could not be handled: left out until it or its DAG changes."""

    dag_id: str
    row_version: int
    reason: str


@dataclass
class Owned:
    """The memory of one scheduler. The store is the truth; this is loaded again when in doubt."""

    dags: dict[str, OwnedDag] = field(default_factory=dict)
    runs: dict[int, OwnedRun] = field(default_factory=dict)
    #: Queued runs, without their instances: loaded when they start.
    waiting: dict[int, Run] = field(default_factory=dict)
    active: dict[str, Active] = field(default_factory=dict)  # by attempt token
    of_instance: dict[int, int] = field(default_factory=dict)  # instance row id -> run row id
    #: What is due in the future: run row id -> moment in microseconds.
    wake_at_us: dict[int, int] = field(default_factory=dict)
    aside: dict[int, Aside] = field(default_factory=dict)  # by run row id
    due_runs: set[int] = field(default_factory=set)
    stale_runs: set[int] = field(default_factory=set)  # to be loaded again
    told_pools: set[str] = field(default_factory=set)  # do not exist, and it was said
    due_dags: set[str] = field(default_factory=set)  # whose next runs must be looked at

    def put_run(self, run: Run) -> OwnedRun:
        """Take a run just loaded, in place of what was known of it."""
        self.drop_run(run.id, keep_active=True)
        owned = OwnedRun(run, {instance.id: instance for instance in run.instances.values()})
        self.runs[run.id] = owned
        self.due_runs.add(run.id)
        for instance in run.instances.values():
            self.of_instance[instance.id] = run.id
        self._refresh_active(owned)
        return owned

    def _refresh_active(self, owned: OwnedRun) -> None:
        for token in [t for t, one in self.active.items() if one.run.id == owned.run.id]:
            instance = owned.by_id.get(self.active[token].instance.id)
            if instance is None or instance.attempt != token:
                self.active[token].instance = instance or replace(
                    self.active[token].instance, state=None, attempt=None
                )
                continue  # superseded or gone: `take_back` has it stopped
            self.active[token].instance = instance
        for instance in owned.run.instances.values():
            if instance.state in ACTIVE and instance.attempt:
                self.activate(owned, instance, is_foreign=True)

    def activate(self, one: OwnedRun, instance: Instance, *, is_foreign: bool = False) -> None:
        """Note that an instance's attempt is active, unless that is known."""
        token = instance.attempt
        if token and token not in self.active:
            self.active[token] = Active(
                one.run, instance, token, instance.try_number, is_foreign=is_foreign
            )

    def forget(self, token: str) -> None:
        """Forget an attempt: nothing more will be heard of it, or it matters no more."""
        self.active.pop(token, None)

    def release_run(self, run_id: int) -> None:
        """Forget a run that others ended, reopened or deleted; its attempts may not go on."""
        for token, one in self.active.items():
            if one.run.id == run_id:
                self.active[token].instance = replace(one.instance, state=None, attempt=None)
        self.drop_run(run_id, keep_active=True)

    def drop_run(self, run_id: int, *, keep_active: bool = False) -> None:
        """Forget a run: it is over, gone, or about to be loaded again."""
        owned = self.runs.pop(run_id, None)
        self.waiting.pop(run_id, None)
        self.wake_at_us.pop(run_id, None)
        self.due_runs.discard(run_id)
        if owned is None:
            return
        for instance_id in owned.by_id:
            self.of_instance.pop(instance_id, None)
        if not keep_active:
            for token in [t for t, one in self.active.items() if one.run.id == run_id]:
                if not self.active[token].is_live:
                    del self.active[token]

    def instance(self, instance_id: int) -> tuple[OwnedRun, Instance] | None:
        """Return a task instance with its run; None if it is not of a run that is loaded."""
        run_id = self.of_instance.get(instance_id)
        owned = self.runs.get(run_id) if run_id is not None else None
        if owned is None or instance_id not in owned.by_id:
            return None
        return owned, owned.by_id[instance_id]

    def see(self, owned: OwnedRun, instance: Instance) -> None:
        """Note that someone else changed an instance, so that `advance` is told."""
        owned.seen.append(instance)
        owned.moved = True
        self.due_runs.add(owned.run.id)

    def running_of(self, dag_id: str) -> int:
        """Return how many runs of a DAG are running."""
        return sum(owned.run.dag_id == dag_id for owned in self.runs.values())

    def unfinished_of(self, dag_id: str) -> int:
        """Return how many runs of a DAG are queued or running."""
        return self.running_of(dag_id) + sum(one.dag_id == dag_id for one in self.waiting.values())

    def next_wake_us(self) -> int | None:
        """Return the next moment at which a run or a schedule is due; None if none is."""
        moments = list(self.wake_at_us.values())
        moments += [
            known.next_create_after_us
            for known in self.dags.values()
            if known.next_create_after_us is not None and known.may_schedule
        ]
        return min(moments, default=None)

    def take_due(self, now_us: int) -> list[int]:
        """Return the runs to be advanced now, those whose timer is due among them."""
        for run_id, moment in list(self.wake_at_us.items()):
            if moment <= now_us:
                del self.wake_at_us[run_id]
                self.due_runs.add(run_id)
        due, self.due_runs = self.due_runs, set()
        return sorted(run_id for run_id in due if run_id in self.runs)

    def live(self) -> Iterator[Active]:
        """Return the attempts whose instance is still queued, running or restarting under them."""
        for one in self.active.values():
            if one.is_live:
                yield one


def read_run(row: Any, instances: Iterable[Any]) -> Run:
    """Return a run with its instances from their rows."""
    loaded = [read_instance(one) for one in instances]
    return Run(
        id=row.id,
        dag_id=row.dag_id,
        run_id=row.run_id,
        run_type=row.run_type,
        state=DagRunState(row.state),
        logical_us=row.logical_us,
        interval_start_us=row.interval_start_us,
        interval_end_us=row.interval_end_us,
        queued_us=row.queued_us,
        start_us=row.start_us,
        end_us=row.end_us,
        conf=json.loads(row.conf or "{}"),
        version_id=row.version_id,
        clear_number=row.clear_number,
        row_version=row.row_version,
        instances={one.key: one for one in loaded},
    )


def read_instance(row: Any) -> Instance:
    """Return an instance from its row."""
    instance = Instance(id=row.id, task_id=row.task_id, map_index=row.map_index)
    update_instance(instance, row)
    return instance


def update_instance(instance: Instance, row: Any) -> None:
    """Make an instance what its row says."""
    instance.state = None if row.state is None else TaskInstanceState(row.state)
    instance.try_number = row.try_number
    instance.max_tries = row.max_tries
    instance.attempt = row.attempt
    instance.supervisor = row.supervisor
    instance.next_at_us = row.next_at_us
    instance.try_started_us = row.try_started_us
    instance.queued_us = row.queued_us
    instance.start_us = row.start_us
    instance.end_us = row.end_us
    instance.pool = row.pool
    instance.pool_slots = row.pool_slots
    instance.queue = row.queue
    instance.priority_weight = row.priority_weight
    instance.stuck_count = row.stuck_count
    instance.skip_decision = None if row.skip_decision is None else json.loads(row.skip_decision)
