"""What is counted of a run's instances, so that an event costs what it changes and no more.

`advance` keeps one for each run, and `readiness` asks it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from airflow_lite.scheduler.planner.trigger_rules import Tally, field_of
from airflow_lite.states import FINISHED, TaskInstanceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_lite.scheduler.planner.instance import Facts, Instance, InstanceKey
    from airflow_lite.spec.model import DagSpec


class Progress:
    """Counts, timers and skip decisions of one run under one definition of its DAG.

    For each task it keeps how many upstream instances are in which state: whatever the fan-in,
    nobody looks upstream again. All of it is bounded by the run's instances.
    """

    __slots__ = (
        "_counted",
        "_due",
        "_guards",
        "_skipped_by",
        "_skips",
        "_timers",
        "announced",
        "dag",
        "facts",
        "keys",
        "past_waiting",
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
        self.upstream = {name: _unfinished(dag, task.upstream) for name, task in dag.tasks.items()}
        self.setups = {name: _unfinished(dag, ids) for name, ids in dag.indirect_setups.items()}
        self.announced: set[InstanceKey] = set()
        self.past_waiting: set[InstanceKey] = set()
        self._guards: dict[str, list[str]] = defaultdict(list)
        for name, setups in dag.indirect_setups.items():
            for setup in setups:
                self._guards[setup].append(name)
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

    def count(self, instance: Instance) -> set[str]:
        """Count `instance` as it is now; return the tasks that must be looked at again."""
        key, state = instance.key, instance.state
        is_counted = key in self._counted
        before = self._counted.get(key)
        self._counted[key] = state
        self.totals[state] += 1
        if is_counted:
            self.totals[before] -= 1
        affected = self._count_skips(instance)
        if instance.task_id in self.dag.tasks:
            affected.update(self._count_downstream(instance, before, is_counted=is_counted))
        if not is_counted:
            self.keys.setdefault(instance.task_id, []).append(key)
        return affected

    def _count_downstream(
        self, instance: Instance, before: TaskInstanceState | None, *, is_counted: bool
    ) -> Iterator[str]:
        # A task without instances yet is counted as one that is unfinished.
        replaces = is_counted or instance.task_id not in self.keys
        if replaces and field_of(before) == field_of(instance.state):
            return
        task = self.dag.tasks[instance.task_id]
        for tallies, below in (
            (self.upstream, task.downstream),
            (self.setups, self._guards.get(task.task_id, ())),
        ):
            for name in below:
                if replaces:
                    tallies[name].add(before, -1, is_setup=task.is_setup)
                tallies[name].add(instance.state, 1, is_setup=task.is_setup)
                yield name

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
