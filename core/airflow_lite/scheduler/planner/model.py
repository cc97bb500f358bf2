"""What the pure functions see and say: runs in memory, limits, decisions. No I/O, no clock.

Instances and facts are in `instance`. Moments are UTC in integer microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.scheduler.planner.instance import Instance, InstanceKey
from airflow_lite.scheduler.planner.ready_queue import Ready

if TYPE_CHECKING:
    from airflow_lite.api.executor.routes import Routes
    from airflow_lite.scheduler.planner.progress import Progress
    from airflow_lite.spec.model import DagSpec
    from airflow_lite.states import DagRunState, TaskInstanceState


@dataclass(slots=True)
class Run:
    """A DAG run in memory, with its task instances and the counters that make events cheap.

    Its owner changes it only through `advance` and by loading it again.
    """

    id: int
    dag_id: str
    run_id: str
    run_type: str
    state: DagRunState
    logical_us: int
    start_us: int | None = None
    unlived_us: int = 0  # of the wall time since: the clock was set, or the machine slept
    version_id: int | None = None
    row_version: int = 0
    instances: dict[InstanceKey, Instance] = field(default_factory=dict)
    #: Of the loop, for its pass: what may be queued, events for `advance`, and whether an
    #: instance changed, so that later runs that waited for it look again.
    ready: Ready = field(default_factory=Ready)
    events: list[Instance] = field(default_factory=list)
    has_changed: bool = False
    #: Private to `advance`: what is counted of the instances; None: not counted yet. Whoever
    #: replaces instances or state by loading again sets it to None.
    counters: Progress | None = None


class Change(NamedTuple):
    """A write to one task instance, to be made only where state and attempt are still as given.

    A finished `to_state` sets the end of the instance, and its start where it has none. `to_try`
    is the try number to write too, unless None: an EmptyOperator takes a try as it ends.
    """

    row: int
    was_state: TaskInstanceState | None
    was_attempt: str | None
    to_state: TaskInstanceState | None
    cause: str
    to_try: int | None = None


class Expansion(NamedTuple):
    """New instances of a mapped task, by their map indexes.

    Their ids are below 0 until they have rows. `row` is an instance of the task that there is;
    `begins`: it stood for all, and has map index 0 now.
    """

    row: int
    task_id: str
    created: list[Instance]
    max_tries: int
    begins: bool


class CallbackDue(NamedTuple):
    """A callback of the DAG run that is to be called: on_success or on_failure, and why."""

    kind: str
    reason: str


@dataclass
class Decision:
    """What `advance` decided of one run.

    `expansions` and `changes` are already made in the `Run` given and must now be made in the
    store, in this order: a row below 0 is of an instance that an expansion made; `ready` may
    now be queued (`admit` picks) and is told once, until an event of the instance is seen;
    `withdrawn` were told as ready before and are not any more, or were queued; `kill` are to be
    stopped (dagrun_timeout, fail_stop): their rows are marked by `changes`, keeping the token;
    the run's new state is in `run_state` if it changed, and why in `run_reason`; `wake_at_us` is
    when a timer of this run is next due.
    """

    expansions: list[Expansion] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    ready: list[Instance] = field(default_factory=list)
    withdrawn: list[Instance] = field(default_factory=list)
    kill: list[Instance] = field(default_factory=list)
    run_state: DagRunState | None = None
    run_reason: str | None = None
    callbacks: list[CallbackDue] = field(default_factory=list)
    wake_at_us: int | None = None


class Candidate(NamedTuple):
    """One ready instance before `admit`, with what its limits are counted by."""

    instance: Instance
    run: Run
    dag: DagSpec


@dataclass
class Limits:
    """What is taken and what there is, for one call of `admit`.

    `pools` maps a pool to its open slots (absent: no such pool; infinite as a large number),
    `dag_active` maps a DAG id to its queued and running instances, `task_active` (DAG id, task id)
    and `run_task_active` (run row id, task id) likewise, `slots` are the open slots of the
    executor, `half_slots` those of each half of a hybrid, which `routes` tell apart. `pool_sizes`
    maps a pool to all its slots: where it is known, open slots are kept for a task that needs more
    than are open.
    """

    pools: dict[str, int]
    dag_active: dict[str, int] = field(default_factory=dict)
    task_active: dict[tuple[str, str], int] = field(default_factory=dict)
    run_task_active: dict[tuple[int, str], int] = field(default_factory=dict)
    slots: int = 0
    pool_sizes: dict[str, int] = field(default_factory=dict)
    half_slots: dict[str, int] = field(default_factory=dict)
    routes: Routes | None = None


@dataclass
class Admission:
    """What `admit` picked, in the order to queue, and what can not be picked as things are.

    `unknown_pools` are named by tasks and do not exist; `oversized` want more slots than their
    whole pool has.
    """

    admitted: list[Candidate] = field(default_factory=list)
    oversized: list[Candidate] = field(default_factory=list)
    unknown_pools: set[str] = field(default_factory=set)
