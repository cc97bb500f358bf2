"""What a scheduler owns, in memory: DAGs, unfinished runs, their instances, who is active."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.scheduler.planner.instance import Instance
from airflow_lite.scheduler.planner.model import Run
from airflow_lite.states import ACTIVE, DagRunState, TaskInstanceState
from airflow_lite.store import runs, scheduling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_lite.spec.model import DagSpec


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
class ActiveAttempt:
    """An attempt that is queued or running, as far as was seen."""

    run: Run
    instance: Instance
    token: str
    try_number: int
    is_unmanaged: bool = False  # not in our executor: of a scheduler that died, or run by hand
    revoke_sent: bool = False
    queued_s: float | None = None  # for how long, as `watch` counts; None: not seen by it

    @property
    def is_live(self) -> bool:
        """Whether its instance is still queued, running or restarting under it."""
        return self.instance.attempt == self.token and self.instance.state in ACTIVE

    def disown(self) -> None:
        """Note that its instance is not its own any more: it may not go on."""
        self.instance = replace(self.instance, state=None, attempt=None)


class SkippedRun(NamedTuple):
    """A run that could not be handled: left out until it or its DAG changes."""

    dag_id: str
    row_version: int
    reason: str


@dataclass
class RunMemory:
    """The memory of one scheduler. The store is the truth; this is loaded again when in doubt."""

    dags: dict[str, OwnedDag] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)  # running, by row id
    #: Queued runs, without their instances: loaded when they start.
    waiting: dict[int, Run] = field(default_factory=dict)
    active: dict[str, ActiveAttempt] = field(default_factory=dict)  # by attempt token
    #: The instances of running runs by their row ids, each with its run.
    instances: dict[int, tuple[Run, Instance]] = field(default_factory=dict)
    #: What is due in the future: run row id -> moment in microseconds.
    wake_at_us: dict[int, int] = field(default_factory=dict)
    #: Wall time that running runs did not live through, by their row ids; see `Run`.
    unlived_us: dict[int, int] = field(default_factory=dict)
    skipped: dict[int, SkippedRun] = field(default_factory=dict)  # by run row id
    due_runs: set[int] = field(default_factory=set)
    stale_runs: set[int] = field(default_factory=set)  # to be loaded again
    #: DAGs that cannot be read, by what their row has as an id, and why: said once.
    unreadable: dict[object, str] = field(default_factory=dict)
    told_pools: set[str] = field(default_factory=set)  # do not exist, and it was said
    due_dags: set[str] = field(default_factory=set)  # whose next runs must be looked at

    def put_run(self, run: Run) -> None:
        """Take a running run just loaded, in place of what was known of it."""
        self.drop_run(run.id)
        self.runs[run.id] = run
        run.unlived_us = self.unlived_us.get(run.id, 0)
        self.due_runs.add(run.id)
        self.instances |= {one.id: (run, one) for one in run.instances.values()}
        for active in self.active.values():
            if active.run.id == run.id:
                if active.instance.id in self.instances:
                    active.run, active.instance = self.instances[active.instance.id]
                else:
                    active.disown()
        for instance in run.instances.values():
            if instance.state in ACTIVE and instance.attempt:
                self.activate(run, instance, is_unmanaged=True)

    def activate(self, run: Run, instance: Instance, *, is_unmanaged: bool = False) -> None:
        """Note that an instance's attempt is active, unless that is known."""
        token = instance.attempt
        if token and token not in self.active:
            self.active[token] = ActiveAttempt(
                run, instance, token, instance.try_number, is_unmanaged=is_unmanaged
            )

    def forget(self, token: str) -> None:
        """Forget an attempt: nothing more will be heard of it, or it matters no more."""
        self.active.pop(token, None)

    def release_run(self, run_id: int) -> None:
        """Forget a run that others ended, reopened or deleted; its attempts may not go on."""
        for one in self.active.values():
            if one.run.id == run_id:
                one.disown()
        self.drop_run(run_id)
        self.unlived_us.pop(run_id, None)

    def end_run(self, run_id: int) -> None:
        """Forget a run that is over, with its attempts that are."""
        self.drop_run(run_id)
        self.unlived_us.pop(run_id, None)
        for token, one in list(self.active.items()):
            if one.run.id == run_id and not one.is_live:
                del self.active[token]

    def drop_run(self, run_id: int) -> None:
        """Forget a run: it is over, gone, or about to be loaded again."""
        run = self.runs.pop(run_id, None)
        self.waiting.pop(run_id, None)
        self.wake_at_us.pop(run_id, None)
        self.due_runs.discard(run_id)
        for instance in run.instances.values() if run is not None else ():
            self.instances.pop(instance.id, None)

    def skip_time(self, skipped_us: int) -> None:
        """Note that the wall clock told of so much time, below 0 of less, that did not pass."""
        for run in self.runs.values():
            run.unlived_us += skipped_us
            self.unlived_us[run.id] = run.unlived_us
        self.due_runs.update(self.runs)

    def note_change(self, run: Run, instance: Instance) -> None:
        """Note that someone else changed an instance, so that `advance` is told."""
        run.seen.append(instance)
        run.moved = True
        self.due_runs.add(run.id)

    def runs_of(self, dag_id: str) -> list[Run]:
        """Return the running runs of a DAG."""
        return [run for run in self.runs.values() if run.dag_id == dag_id]

    def waiting_of(self, dag_id: str) -> list[Run]:
        """Return the queued runs of a DAG."""
        return [run for run in self.waiting.values() if run.dag_id == dag_id]

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

    def live(self) -> Iterator[ActiveAttempt]:
        """Return the attempts whose instance is still queued, running or restarting under them."""
        return (one for one in self.active.values() if one.is_live)


def read_run(row: Any, instances: Iterable[Any]) -> Run:
    """Return a run with its instances from their rows; raise ValueError for what makes no sense.

    No task asks for the conf here, but a host that looked it up could read none of its batch.
    """
    runs.check_run(row)
    fields = row._asdict()
    json.loads(fields.pop("conf"))
    run = Run(**fields)
    run.state = DagRunState(row.state)
    for one in instances:
        instance = Instance(one.id, one.task_id, one.map_index)
        update_instance(instance, one)
        run.instances[instance.key] = instance
    return run


def update_instance(instance: Instance, row: Any) -> None:
    """Make an instance what its row says; raise ValueError for what makes no sense."""
    scheduling.check_instance(row)
    # Written out: a loop over the names takes half as long again, for each task several times.
    instance.state = None if row.state is None else TaskInstanceState(row.state)
    instance.try_number = row.try_number
    instance.max_tries = row.max_tries
    instance.attempt = row.attempt
    instance.supervisor = row.supervisor
    instance.next_at_us = row.next_at_us
    instance.try_started_us = row.try_started_us
    instance.queued_us = row.queued_us
    instance.pool = row.pool
    instance.pool_slots = row.pool_slots
    instance.queue = row.queue
    instance.priority_weight = row.priority_weight
    instance.stuck_count = row.stuck_count
    instance.skip_decision = None if row.skip_decision is None else json.loads(row.skip_decision)
