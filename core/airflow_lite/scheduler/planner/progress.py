"""What is counted of a run's instances, so that an event costs what it changes and no more.

`advance` keeps one for each run, and `readiness` asks it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.scheduler.planner.trigger_rules import Tally, field_of
from airflow_lite.states import FINISHED, TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_lite.scheduler.planner.instance import Facts, Instance, InstanceKey
    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.spec.model import DagSpec, TaskSpec


class Upstream(NamedTuple):
    """What a trigger rule looks at: what is directly before, and the set-ups further up."""

    direct: Tally
    setups: Tally | None


@dataclass(slots=True)
class _Results:
    """What the results of one task give to those that are mapped over it."""

    lengths: dict[InstanceKey, int] = field(default_factory=dict)
    unfinished: set[InstanceKey] = field(default_factory=set)
    total: int = 0

    @property
    def open(self) -> bool:
        """Whether an instance has not ended."""
        return bool(self.unfinished)

    def count(self, instance: Instance) -> None:
        """Count an instance as it is now."""
        key = instance.key
        self.total -= self.lengths.pop(key, 0)
        if instance.map_length is not None:
            self.lengths[key] = instance.map_length
            self.total += instance.map_length
        if instance.state in FINISHED:
            self.unfinished.discard(key)
        else:
            self.unfinished.add(key)

    def expand(self, key: InstanceKey, instances: Iterable[Instance]) -> None:
        """Count new instances, in place of one."""
        self.total -= self.lengths.pop(key, 0)
        self.unfinished.discard(key)
        self.unfinished.update(instance.key for instance in instances)


class Progress:
    """Counts, timers and skip decisions of one run under one definition of its DAG.

    For each task it keeps how many upstream instances are in which state: whatever the fan-in,
    nobody looks upstream again. Trigger rules ask which kinds there are, not how many: a mapped
    task is looked at where that changes, not at each event. Of the tasks in its mapped group an
    instance looks at those of its own index. All of it is bounded by the run's instances.
    """

    __slots__ = (
        "_counted",
        "_due",
        "_guards",
        "_kinds",
        "_over",
        "_pairs",
        "_results",
        "_skipped_by",
        "_skips",
        "_timers",
        "announced",
        "dag",
        "facts",
        "keys",
        "past_waiting",
        "revised",
        "setups",
        "totals",
        "upstream",
    )

    def __init__(self, dag: DagSpec, instances: Iterable[Instance], facts: Facts) -> None:
        """Count `instances`, all that the run has."""
        self.dag = dag
        self.facts = facts
        self.keys: dict[str, list[InstanceKey]] = {}
        self.totals: Counter[TaskInstanceState | None] = Counter()
        self.upstream = {
            name: _unfinished(dag, set(task.upstream).difference(task.pairwise))
            for name, task in dag.tasks.items()
        }
        self.setups = {
            name: _unfinished(dag, set(ids).difference(dag.tasks[name].pairwise))
            for name, ids in dag.indirect_setups.items()
        }
        self.announced: set[InstanceKey] = set()
        self.past_waiting: set[InstanceKey] = set()
        #: Mapped tasks to the lengths by which instances were made and removed last.
        self.revised: dict[str, int] = {}
        self._guards: dict[str, list[str]] = defaultdict(list)
        for name, setups in dag.indirect_setups.items():
            for setup in set(setups).difference(dag.tasks[name].pairwise):
                self._guards[setup].append(name)
        self._pairs: dict[str, list[str]] = defaultdict(list)
        self._over: dict[str, list[str]] = defaultdict(list)
        for name, task in dag.tasks.items():
            for above in task.pairwise:
                self._pairs[above].append(name)
            for above in task.mapped_over:
                self._over[above].append(name)
        self._kinds: dict[str, object] = {}
        self._results = {name: _Results() for name in dag.result_lengths}
        self._counted: dict[InstanceKey, TaskInstanceState | None] = {}
        self._skips: dict[InstanceKey, frozenset[str]] = {}
        self._skipped_by: dict[str, set[InstanceKey]] = defaultdict(set)
        self._timers: list[tuple[int, InstanceKey]] = []
        self._due: dict[InstanceKey, int] = {}
        for instance in instances:
            self.count(instance)

    @property
    def unfinished(self) -> int:
        """Return how many instances have not ended."""
        return sum(self.totals.values()) - sum(self.totals[state] for state in FINISHED)

    def count(self, instance: Instance) -> list[InstanceKey]:
        """Count `instance` as it is now; return the instances that must be looked at again."""
        key, state = instance.key, instance.state
        is_counted = key in self._counted
        before = self._counted.get(key)
        self._counted[key] = state
        self.totals[state] += 1
        if is_counted:
            self.totals[before] -= 1
        skipped = self._count_skips(instance)
        affected: set[str] = set()
        if instance.task_id in self.dag.tasks:
            affected.update(self._count_downstream(instance, before, is_counted=is_counted))
        if not is_counted:
            self.keys.setdefault(instance.task_id, []).append(key)
        if (results := self._results.get(instance.task_id)) is not None:
            results.count(instance)
        if instance.map_index < 0:  # whatever the trigger rule, its end may end these
            affected.update(self._over.get(instance.task_id, ()))
        pairs = self._pairs.get(instance.task_id, ())
        return [
            *(key for name in affected for key in self.keys.get(name, ())),
            *self._like((*skipped, *pairs), instance.map_index),
        ]

    def _like(self, names: Iterable[str], map_index: int) -> Iterator[InstanceKey]:
        """Yield the instances of tasks to which that one of another with `map_index` matters."""
        for name in names:
            if map_index < 0:
                yield from self.keys.get(name, ())
            else:
                keys = ((name, index) for index in (-1, map_index))
                yield from (key for key in keys if key in self._counted)

    def expand(self, key: InstanceKey, instances: Sequence[Instance]) -> list[InstanceKey]:
        """Count `instances`, in no state, in place of that which stood for all, or beside others.

        Returns what must be looked at again. They cost their number, whatever is downstream.
        """
        task = self.dag.tasks[key[0]]
        stood = key in self._counted
        for item in (self.announced, self.past_waiting):
            item.discard(key)
        self._due.pop(key, None)
        more = len(instances)
        if stood:
            self.totals[self._counted.pop(key)] -= 1
            self.keys[task.task_id].remove(key)
            more -= 1
        self.totals[None] += len(instances)
        self._counted.update((instance.key, None) for instance in instances)
        self.keys[task.task_id] += [instance.key for instance in instances]
        for tallies, below in self._below(task):
            for name in below:
                tallies[name].add(None, more, is_setup=task.is_setup)
        if (results := self._results.get(task.task_id)) is not None:
            results.expand(key, instances)
        pairs = self._pairs.get(task.task_id, ())
        below = {*task.downstream, *self._guards.get(task.task_id, ()), *pairs}
        moved = [name for name in sorted(below) if name in pairs or self._has_other_kinds(name)]
        return [other for name in moved for other in self.keys.get(name, ())]

    def result_length(self, task_id: str) -> int | None:
        """Return how many instances a task's result gives; None while that is not known."""
        results, task = self._results[task_id], self.dag.tasks[task_id]
        if not task.is_mapped:
            return results.lengths.get((task_id, -1))
        return None if results.open else results.total

    def above(self, instance: Instance, run: Run) -> Upstream:
        """Return how many instances before this one, and how many set-ups, are in which state."""
        task = self.dag.tasks[instance.task_id]
        upstream, setups = self.upstream[task.task_id], self.setups.get(task.task_id)
        if not task.pairwise:
            return Upstream(upstream, setups)
        upstream, setups = replace(upstream), replace(setups or Tally())
        for name in task.pairwise:
            if name in task.upstream:
                tally = upstream
            elif name in self.dag.indirect_setups.get(task.task_id, ()):
                tally = setups
            else:
                continue
            for index in {-1, instance.map_index}:
                if (other := run.instances.get((name, index))) is not None:
                    tally.add(other.state, 1, is_setup=self.dag.tasks[name].is_setup)
        return Upstream(upstream, setups)

    def _count_downstream(
        self, instance: Instance, before: TaskInstanceState | None, *, is_counted: bool
    ) -> Iterator[str]:
        # A task without instances yet is counted as one that is unfinished.
        replaces = is_counted or instance.task_id not in self.keys
        if replaces and field_of(before) == field_of(instance.state):
            return
        task = self.dag.tasks[instance.task_id]
        for tallies, below in self._below(task):
            for name in below:
                if replaces:
                    tallies[name].add(before, -1, is_setup=task.is_setup)
                tallies[name].add(instance.state, 1, is_setup=task.is_setup)
                if self._has_other_kinds(name):
                    yield name

    def _below(self, task: TaskSpec) -> Iterator[tuple[dict[str, Tally], Iterable[str]]]:
        """Yield what counts instances of a task: the tallies, and for which tasks."""
        pairs = self._pairs.get(task.task_id, ())
        yield self.upstream, [name for name in task.downstream if name not in pairs]
        yield self.setups, self._guards.get(task.task_id, ())

    def _has_other_kinds(self, name: str) -> bool:
        """Tell whether what is before a task is of other kinds than when that was asked last."""
        upstream, setups = self.upstream[name], self.setups.get(name)
        kinds = upstream.kinds, None if setups is None else setups.kinds
        changed = self._kinds.get(name) != kinds
        self._kinds[name] = kinds
        # A removed index takes the same index after it along: how many there are matters.
        return changed or bool(upstream.removed or (setups is not None and setups.removed))

    def _count_skips(self, instance: Instance) -> set[str]:
        before = self._skips.get(instance.key, frozenset())
        after = self._skipped_tasks(instance)
        if before == after:
            return set()
        self._skips[instance.key] = after
        for name in before - after:
            self._skipped_by[name].discard(instance.key)
        for name in after - before:
            self._skipped_by[name].add(instance.key)
        return set(before ^ after)

    def _skipped_tasks(self, instance: Instance) -> frozenset[str]:
        """Return what a branch or short circuit decided to skip: part of its success."""
        decision, task = instance.skip_decision, self.dag.tasks.get(instance.task_id)
        if not decision or instance.state != TaskInstanceState.SUCCESS or task is None:
            return frozenset()
        if "followed" in decision:
            return frozenset(task.downstream).difference(decision["followed"])
        return frozenset(decision.get("skipped", ())).intersection(self.dag.tasks)

    def skipper(self, key: InstanceKey) -> str | None:
        """Return the task whose success decided that `key` is skipped, if any."""
        task_id, map_index = key
        skips = self._skipped_by.get(task_id, ())
        return min((name for name, of in skips if of in (-1, map_index)), default=None)

    def set_timer(self, key: InstanceKey, at_us: int) -> None:
        """Have `key` told by `pop_due` at `at_us`, which replaces an earlier timer of it."""
        self._due[key] = at_us
        heappush(self._timers, (at_us, key))
        self._forget_old_timers()

    def drop_timer(self, key: InstanceKey) -> None:
        """Forget the timer of `key`, if it has one."""
        self._due.pop(key, None)

    def pop_due(self, now_us: int) -> list[InstanceKey]:
        """Take out and return the instances whose timers are due."""
        due = []
        while (at_us := self.next_timer_us()) is not None and at_us <= now_us:
            key = heappop(self._timers)[1]
            del self._due[key]
            due.append(key)
        return due

    def next_timer_us(self) -> int | None:
        """Return when the earliest timer is due."""
        while self._timers and self._due.get(self._timers[0][1]) != self._timers[0][0]:
            heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _forget_old_timers(self) -> None:
        if len(self._timers) > 2 * len(self._due) + 8:
            self._timers = [(at_us, key) for key, at_us in self._due.items()]
            heapify(self._timers)


def _unfinished(dag: DagSpec, names: Iterable[str]) -> Tally:
    tally = Tally()
    for name in names:
        tally.add(None, 1, is_setup=dag.tasks[name].is_setup)
    return tally
