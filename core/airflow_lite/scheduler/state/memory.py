"""What a scheduler owns, in memory: DAGs, unfinished runs, their instances, who is active."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.states import ACTIVE, TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from airflow_lite.scheduler.planner.instance import Instance
    from airflow_lite.scheduler.planner.model import Run
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
    saved_create_after_us: int | None = None  # what its row says of that
    knows_last_run: bool = False  # whether its newest scheduled run was looked for
    last_start_us: int | None = None  # of that run's data interval
    last_end_us: int | None = None  # of the same
    is_leaving: bool = False  # to another scheduler, once nothing of it waits in our executor

    @property
    def is_scheduled(self) -> bool:
        """Whether it is neither paused nor vanished."""
        return self.is_active and not self.is_paused

    @property
    def may_schedule(self) -> bool:
        """Whether runs may start and tasks be queued."""
        return self.is_scheduled and not self.is_leaving

    def is_due(self, now_us: int) -> bool:
        """Tell whether its schedule is to be looked at now."""
        return self.next_create_after_us is not None and self.next_create_after_us <= now_us


@dataclass
class ActiveAttempt:
    """An attempt that is queued or running, as far as was seen."""

    run: Run
    instance: Instance
    token: str
    try_number: int
    is_unmanaged: bool = False  # not in our executor: of a scheduler that died, or run by hand
    revoke_sent: bool = False
    external_id: str | None = None  # what the executor calls it, once it said so
    end_reason: str | None = None  # why it has ended, as the executor says, whatever the row says
    queued_s: float | None = None  # for how long, as `watch` counts; None: not seen by it

    @property
    def is_live(self) -> bool:
        """Whether its instance is still queued, running or restarting under it."""
        return self.instance.attempt == self.token and self.instance.state in ACTIVE

    @property
    def is_queued(self) -> bool:
        """Whether its instance is still queued under it."""
        return self.is_live and self.instance.state == TaskInstanceState.QUEUED

    @property
    def is_claimed(self) -> bool:
        """Whether a task host has it: live, and not queued any more."""
        return self.is_live and self.instance.state != TaskInstanceState.QUEUED

    def disown(self) -> None:
        """Note that its instance is not its own any more: it may not go on."""
        self.instance = replace(self.instance, state=None, attempt=None)


class Unanswered(NamedTuple):
    """An instance whose new attempt was written, with the attempt that it had before."""

    row: int
    before: str | None


class SkippedRun(NamedTuple):
    """A run that could not be handled: left out until it or its DAG changes."""

    dag_id: str
    row_version: int
    reason: str


class RunMemory:
    """The memory of one scheduler. The store is the truth; this is loaded again when in doubt.

    It is changed by its verbs alone: what its properties give is to be read. `dag`, `run`,
    `attempt` and `instance` raise KeyError for what is not known, `find_…` return None.
    """

    def __init__(self) -> None:
        self._dags: dict[str, OwnedDag] = {}
        self._running: dict[int, Run] = {}  # by row id
        #: Queued runs, without their instances: loaded when they start.
        self._queued: dict[int, Run] = {}
        self._skipped: dict[int, SkippedRun] = {}  # by run row id
        self._attempts: dict[str, ActiveAttempt] = {}  # by token
        self._unoffered: dict[str, ActiveAttempt] = {}  # those queued by someone else
        #: The instances of running runs by their row ids, each with its run.
        self._instances: dict[int, tuple[Run, Instance]] = {}
        #: What is due in the future: run row id -> moment in microseconds.
        self._wake_at_us: dict[int, int] = {}
        #: Wall time that running runs did not live through, by their row ids; see `Run`.
        self._unlived_us: dict[int, int] = {}
        self._due_runs: set[int] = set()
        self._due_dags: set[str] = set()
        self._stale_runs: set[int] = set()
        #: By token: the instances of attempts whose COMMIT is not answered yet, if it ever is.
        self._unanswered: dict[str, Unanswered] = {}
        self._deferred: set[int] = set()  # rows that were seen to be deferred, and may be so yet
        self._complaints: dict[object, str] = {}

    # DAGs

    @property
    def dags(self) -> Collection[OwnedDag]:
        """The DAGs that this scheduler goes by."""
        return self._dags.values()

    def dag(self, dag_id: str) -> OwnedDag:
        """Return a DAG."""
        return self._dags[dag_id]

    def find_dag(self, dag_id: str) -> OwnedDag | None:
        """Return a DAG, if it is known."""
        return self._dags.get(dag_id)

    def put_dag(self, dag: OwnedDag) -> None:
        """Take a DAG's new definition: its runs that were skipped get another chance."""
        self._dags[dag.dag_id] = dag
        self.doubt(run for run, skipped in self._skipped.items() if skipped.dag_id == dag.dag_id)
        self.revisit_dag(dag.dag_id)

    def keep_dags(self, dag_ids: Collection[str]) -> None:
        """Forget every DAG but these."""
        for dag_id in self._dags.keys() - dag_ids:
            del self._dags[dag_id]

    def leave_dags(self, dag_ids: Collection[str]) -> None:
        """Have nothing more of these DAGs begin, and of all others again."""
        for dag in self._dags.values():
            if dag.is_leaving != (dag.dag_id in dag_ids):
                dag.is_leaving = not dag.is_leaving
                self.revisit_dag(dag.dag_id)

    def release_dags(self, dag_ids: Collection[str]) -> None:
        """Forget DAGs that another scheduler may own from now on; what runs of them goes on."""
        runs = {**self._running, **self._queued}
        gone = {run.id for run in runs.values() if run.dag_id in dag_ids}
        gone.update(run for run, skipped in self._skipped.items() if skipped.dag_id in dag_ids)
        for active in [one for one in self._attempts.values() if one.run.id in gone]:
            del self._attempts[active.token]
        for run_id in gone:
            self._drop_run(run_id)
            self._unlived_us.pop(run_id, None)
            self._stale_runs.discard(run_id)
        for dag_id in dag_ids:
            self._dags.pop(dag_id, None)

    def plan_dag(self, dag_id: str) -> None:
        """Have the next runs of a DAG looked at: made, and started."""
        self._due_dags.add(dag_id)

    def plan_waiting_dags(self) -> None:
        """Have looked at those DAGs that wait for datasets."""
        self._due_dags.update(
            dag.dag_id for dag in self._dags.values() if dag.spec.schedule.datasets is not None
        )

    def revisit_dag(self, dag_id: str) -> None:
        """Have a DAG that changed looked at, and all its running runs with it."""
        self.plan_dag(dag_id)
        self._due_runs.update(run.id for run in self.runs_of(dag_id))

    def take_due_dags(self, now_us: int) -> list[OwnedDag]:
        """Return the DAGs whose next runs are to be looked at now, by their ids."""
        self._due_dags.update(dag.dag_id for dag in self._dags.values() if dag.is_due(now_us))
        due, self._due_dags = self._due_dags, set()
        return [self._dags[dag_id] for dag_id in sorted(due) if dag_id in self._dags]

    # Runs

    @property
    def running(self) -> Collection[Run]:
        """The running runs, with their instances."""
        return self._running.values()

    @property
    def queued(self) -> Collection[Run]:
        """The queued runs, without instances."""
        return self._queued.values()

    @property
    def skipped(self) -> Mapping[int, SkippedRun]:
        """The runs that could not be handled, by their row ids."""
        return MappingProxyType(self._skipped)

    def find_run(self, run_id: int) -> Run | None:
        """Return a running run, if it is known."""
        return self._running.get(run_id)

    def runs_of(self, dag_id: str) -> list[Run]:
        """Return the running runs of a DAG."""
        return [run for run in self._running.values() if run.dag_id == dag_id]

    def queued_of(self, dag_id: str) -> list[Run]:
        """Return the queued runs of a DAG."""
        return [run for run in self._queued.values() if run.dag_id == dag_id]

    def put_run(self, run: Run) -> None:
        """Take a running run just loaded, in place of what memory had of it."""
        self._drop_run(run.id)
        self._running[run.id] = run
        run.unlived_us = self.unlived_us(run.id)
        self._due_runs.add(run.id)
        self._instances |= {instance.id: (run, instance) for instance in run.instances.values()}
        for active in self._attempts_of(run.id):
            if active.instance.id in self._instances:
                active.run, active.instance = self._instances[active.instance.id]
            else:
                active.disown()
        for instance in run.instances.values():
            if instance.state in ACTIVE and instance.attempt:
                self.activate(run, instance, is_unmanaged=True)
            elif instance.state == TaskInstanceState.DEFERRED:
                self._deferred.add(instance.id)

    def put_queued_run(self, run: Run) -> None:
        """Take a queued run just loaded, in place of what memory had of it."""
        self.release_run(run.id)
        self._queued[run.id] = run

    def skip_run(self, run_id: int, skipped: SkippedRun) -> None:
        """Leave out a run, until it or its DAG changes."""
        self._drop_run(run_id)
        self._skipped[run_id] = skipped

    def release_run(self, run_id: int) -> None:
        """Forget a run that others ended, reopened or deleted; its attempts may not go on."""
        for active in self._attempts_of(run_id):
            active.disown()
        self._drop_run(run_id)
        self._unlived_us.pop(run_id, None)

    def end_run(self, run: Run) -> None:
        """Forget a run that is over, with its attempts that are: another may begin."""
        self._drop_run(run.id)
        self._unlived_us.pop(run.id, None)
        for active in self._attempts_of(run.id):
            if not active.is_live:
                del self._attempts[active.token]
        self.plan_dag(run.dag_id)

    def _drop_run(self, run_id: int) -> None:
        run = self._running.pop(run_id, None)
        self._queued.pop(run_id, None)
        self._skipped.pop(run_id, None)
        self._wake_at_us.pop(run_id, None)
        self._due_runs.discard(run_id)
        for instance in run.instances.values() if run is not None else ():
            self._instances.pop(instance.id, None)

    # Runs that the store has otherwise

    @property
    def is_stale(self) -> bool:
        """Whether a run is to be loaded again."""
        return bool(self._stale_runs)

    def doubt(self, run_ids: Iterable[int]) -> None:
        """Have these runs loaded again."""
        self._stale_runs.update(run_ids)

    def doubt_all(self) -> None:
        """Have every run loaded again, and every DAG looked at."""
        self._stale_runs.update(self._running, self._queued)
        self._due_dags.update(self._dags)

    def compare(self, versions: Mapping[int, int]) -> None:
        """Have loaded again what is not as these row versions of all unfinished runs say."""
        here = {run.id: run.row_version for run in (*self.running, *self.queued)}
        here |= {run_id: skipped.row_version for run_id, skipped in self._skipped.items()}
        self.doubt(here.keys() - versions.keys())
        self.doubt(run_id for run_id, version in versions.items() if here.get(run_id) != version)

    def take_stale(self) -> set[int]:
        """Return the runs that are to be loaded again now."""
        stale, self._stale_runs = self._stale_runs, set()
        return stale

    # What is due

    @property
    def dag_count(self) -> int:
        """How many DAGs there are."""
        return len(self._dags)

    @property
    def is_due(self) -> bool:
        """Whether there is something to do at once."""
        return bool(self._stale_runs or self._due_runs or self._due_dags)

    def wake_run(self, run_id: int, at_us: int) -> None:
        """Have a run advanced at a moment to come."""
        self._wake_at_us[run_id] = at_us

    def advance_later_runs(self, run: Run) -> None:
        """Have the runs of the same DAG that come after this one advanced."""
        later = (other for other in self.runs_of(run.dag_id) if other.logical_us > run.logical_us)
        self._due_runs.update(other.id for other in later)

    def outdated_runs(self) -> list[tuple[Run, OwnedDag]]:
        """Return the due runs of which a DAG has a newer definition, each with that DAG."""
        due = (self._running[run_id] for run_id in self._due_runs if run_id in self._running)
        pairs = ((run, self._dags[run.dag_id]) for run in due if run.dag_id in self._dags)
        return [(run, dag) for run, dag in pairs if run.version_id != dag.version_id]

    def take_due_runs(self, now_us: int) -> list[Run]:
        """Return the runs to be advanced now, those whose timer is due among them."""
        for run_id, moment_us in list(self._wake_at_us.items()):
            if moment_us <= now_us:
                del self._wake_at_us[run_id]
                self._due_runs.add(run_id)
        due, self._due_runs = self._due_runs, set()
        return [self._running[run_id] for run_id in sorted(due) if run_id in self._running]

    def next_wake_us(self) -> int | None:
        """Return the next moment at which a run or a schedule is due; None if none is."""
        moments = list(self._wake_at_us.values())
        moments += [
            dag.next_create_after_us
            for dag in self._dags.values()
            if dag.next_create_after_us is not None and dag.may_schedule
        ]
        return min(moments, default=None)

    def skip_time(self, skipped_us: int) -> None:
        """Note that the wall clock told of so much time, below 0 of less, that did not pass."""
        for run in self._running.values():
            run.unlived_us += skipped_us
            self._unlived_us[run.id] = run.unlived_us
        self._due_runs.update(self._running)

    def unlived_us(self, run_id: int) -> int:
        """Return the wall time that a run did not live through."""
        return self._unlived_us.get(run_id, 0)

    # Instances and attempts

    @property
    def instances(self) -> Collection[tuple[Run, Instance]]:
        """The instances of the running runs, each with its run."""
        return self._instances.values()

    def has_instance(self, row_id: int) -> bool:
        """Tell whether a row is an instance of a running run."""
        return row_id in self._instances

    def instance(self, row_id: int) -> tuple[Run, Instance]:
        """Return the instance that a row is, with its run."""
        return self._instances[row_id]

    def add_instances(self, run: Run, instances: Iterable[Instance]) -> None:
        """Take new instances of a running run."""
        self._instances |= {instance.id: (run, instance) for instance in instances}

    def note_change(self, run: Run, instance: Instance) -> None:
        """Note that someone else changed an instance, so that `advance` is told."""
        run.events.append(instance)
        run.has_changed = True
        self._due_runs.add(run.id)
        if instance.state == TaskInstanceState.DEFERRED:
            self._deferred.add(instance.id)

    def deferred(self) -> dict[tuple[int, str], tuple[Run, Instance]]:
        """Return the deferred instances by row and token, each with its run."""
        found = {}
        for row_id in [*self._deferred]:
            run, instance = self._instances.get(row_id, (None, None))
            if instance is None or instance.state != TaskInstanceState.DEFERRED:
                self._deferred.discard(row_id)
            elif run is not None:
                found[row_id, instance.attempt or ""] = (run, instance)
        return found

    @property
    def attempts(self) -> Collection[ActiveAttempt]:
        """The attempts of which something may be heard yet."""
        return self._attempts.values()

    def attempt(self, token: str) -> ActiveAttempt:
        """Return an attempt."""
        return self._attempts[token]

    def find_attempt(self, token: str) -> ActiveAttempt | None:
        """Return an attempt, if it is known."""
        return self._attempts.get(token)

    def live_attempts(self) -> Iterator[ActiveAttempt]:
        """Return the attempts whose instance is still queued, running or restarting under them."""
        return (active for active in self._attempts.values() if active.is_live)

    def _attempts_of(self, run_id: int) -> list[ActiveAttempt]:
        return [active for active in self._attempts.values() if active.run.id == run_id]

    def activate(self, run: Run, instance: Instance, *, is_unmanaged: bool = False) -> None:
        """Note that an instance's attempt is active, unless that is known."""
        token = instance.attempt
        if token and token not in self._attempts:
            active = ActiveAttempt(
                run, instance, token, instance.try_number, is_unmanaged=is_unmanaged
            )
            self._attempts[token] = active
            if is_unmanaged and active.is_queued and token not in self._unanswered:
                self._unoffered[token] = active

    def take_unoffered(self) -> list[ActiveAttempt]:
        """Return the attempts that our executor was not offered yet: someone else queued them."""
        unoffered, self._unoffered = self._unoffered, {}
        return [
            active
            for token, active in unoffered.items()
            if self._attempts.get(token) is active and active.is_queued
        ]

    def forget_attempt(self, token: str) -> None:
        """Forget an attempt: nothing more will be heard of it, or it matters no more."""
        self._attempts.pop(token, None)

    def await_answer(self, token: str, instance: Instance) -> None:
        """Note that the COMMIT of an instance's new attempt may be done though nobody says so."""
        self._unanswered[token] = Unanswered(instance.id, instance.attempt)

    def take_answer(self, token: str) -> None:
        """Note that the COMMIT of an attempt was answered."""
        self._unanswered.pop(token, None)

    def take_unanswered(self) -> list[ActiveAttempt]:
        """Return the attempts that are queued, as the rows say, by a COMMIT that was not answered.

        One that no row has yet is looked for again: the server may be slower than we are.
        """
        queued = []
        for token, (row, before) in list(self._unanswered.items()):
            active = self._attempts.get(token)
            if active is not None and active.is_queued and active.is_unmanaged:
                active.is_unmanaged = False
                queued.append(active)
            is_open = row in self._instances and self._instances[row][1].attempt == before
            if active is not None or not is_open:
                del self._unanswered[token]
        return queued

    # What is logged once

    def complain(self, subject: object, reason: str = "") -> bool:
        """Note what is wrong with a subject; return whether that is new, and so to be logged."""
        is_new = self._complaints.get(subject) != reason
        self._complaints[subject] = reason
        return is_new

    def withdraw_complaint(self, subject: object) -> None:
        """Note that nothing is wrong with a subject any more."""
        self._complaints.pop(subject, None)
