"""Decide what follows in one DAG run from what was seen of its task instances. Pure.

`passes.advance_runs` calls this for the runs that are due, and writes what it decides.

`advance` is told rows as the store has them, and answers with the writes to make, what may be
queued and whether the run has ended. The semantics are those of Airflow 2.10, except:

* a run with `fail_stop` in which a task failed is failed, whatever its leaves say;
* a leaf that was removed does not keep its run from ending;
* a task outside its own start_date and end_date is skipped, so that its downstream ends too.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from airflow_lite.clock import seconds_us
from airflow_lite.scheduler.planner.instance import Instance
from airflow_lite.scheduler.planner.model import CallbackDue, Change, Decision, Expansion
from airflow_lite.scheduler.planner.progress import Progress
from airflow_lite.scheduler.planner.readiness import (
    GONE,
    WAITS_FOR_PAST,
    WAITS_FOR_TIME,
    View,
    judge,
)
from airflow_lite.spec import mapping
from airflow_lite.spec.deferral import TIMEOUT as DEFERRAL_TIMEOUT
from airflow_lite.states import (
    ACTIVE,
    FAILED_STATES,
    FINISHED,
    SCHEDULABLE,
    DagRunState,
    TaskInstanceState,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.scheduler.planner.instance import Facts, InstanceKey
    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.planner.trigger_rules import RuleOutcome
    from airflow_lite.spec.model import DagSpec, TaskSpec


NOTHING = "it is mapped over nothing"
SHRUNK = "what it is mapped over is shorter now"


def advance(
    run: Run, dag: DagSpec, events: Sequence[Instance], facts: Facts, now_us: int
) -> Decision:
    """Take in `events`, decide all that follows from them, and say what was decided.

    `events` are task instances as the store has them now; each replaces the one in `run`, in the
    order given. With none of them, due timers and `facts` alone are looked at. Where
    `run.counters` is None or counted under another `dag` object, everything is decided afresh, and
    all that is ready is told again. A run that is not running only takes in the events.
    """
    if run.state != DagRunState.RUNNING:
        run.counters = None
        run.instances.update((event.key, event) for event in events)
        return Decision()
    return _Pass(run, dag, facts, now_us).decide(events)


def missing_instances(run: Run, dag: DagSpec) -> list[tuple[TaskSpec, int]]:
    """Return the tasks, each with a map index, that `run` lacks: rows to make before `advance`."""
    present = {task_id for task_id, _ in run.instances}
    return [
        (task, index)
        for name, task in dag.tasks.items()
        if name not in present or not task.is_mapped or task.literal_length
        for index in task.first_indexes
        if (name, index) not in run.instances
    ]


class _Pass:
    """One call of `advance`."""

    def __init__(self, run: Run, dag: DagSpec, facts: Facts, now_us: int) -> None:
        self.run = run
        self.dag = dag
        self.facts = facts
        self.now_us = now_us
        self.decision = Decision()
        self.waiting: list[tuple[int, InstanceKey]] = []
        self.marked: set[InstanceKey] = set()
        self.announced_before: set[InstanceKey] = set()
        self.new_id = 0

    def decide(self, events: Sequence[Instance]) -> Decision:
        self.take_in(events)
        if self.timeout_us is not None and self.now_us >= self.timeout_us:
            self.time_out()
            return self.decision
        self.stop_if_failed()
        self.settle()
        self.end_if_over()
        if self.run.counters is not None:
            self.decision.wake_at_us = self.wake_at_us()
        return self.decision

    # What happened

    def take_in(self, events: Sequence[Instance]) -> None:
        counters = self.run.counters
        if counters is None or counters.dag is not self.dag:
            self.count_afresh(events)
            return
        self.progress = counters
        for event in events:
            self.observe(event)
        for key in self.progress.pop_due(self.now_us):
            self.time_out_deferral(self.run.instances[key])
            self.mark(key)
        if not events or self.facts is not self.progress.facts:
            self.progress.facts = self.facts
            for key in self.progress.past_waiting:
                self.mark(key)

    def count_afresh(self, events: Sequence[Instance]) -> None:
        self.run.instances.update((event.key, event) for event in events)
        instances = self.run.instances.values()
        self.progress = self.run.counters = Progress(self.dag, instances, self.facts)
        for instance in instances:
            self.follow_definition(instance)
            self.limit_deferral(instance)
            self.mark(instance.key)

    def follow_definition(self, instance: Instance) -> None:
        """Remove what the DAG has no longer and nobody runs; restore what it has again."""
        task = self.dag.tasks.get(instance.task_id)
        if task is None:
            if instance.state == TaskInstanceState.QUEUED:
                self.stop(instance, TaskInstanceState.REMOVED, GONE.reason)
            return
        is_there = self.has_index(task, instance.map_index)
        is_removed = instance.state == TaskInstanceState.REMOVED
        if is_removed and is_there and not self.went_with_others(task, instance):
            self.set_state(instance, None, "the DAG has this task again")
        elif is_there is False and instance.state != TaskInstanceState.REMOVED:
            self.stop(instance, TaskInstanceState.REMOVED, "the DAG has no such map index any more")

    def went_with_others(self, task: TaskSpec, instance: Instance) -> bool:
        """Tell whether a mapped instance was removed for what it is mapped over, or with others."""
        if not task.is_mapped:
            return False
        upstream, setups = self.progress.above(instance, self.run)
        above = upstream.removed + (setups.removed if setups is not None else 0)
        return bool(above)

    def has_index(self, task: TaskSpec, map_index: int) -> bool | None:
        """Tell whether a task has this map index now; None: that is not known of it."""
        if not task.is_mapped:
            return map_index < 0
        if task.literal_length:
            return map_index in task.first_indexes
        return None  # `expand` removes those of which there are too many

    def observe(self, event: Instance) -> None:
        key = event.key
        if key in self.progress.announced:
            self.progress.announced.discard(key)
            self.announced_before.add(key)
        self.progress.drop_timer(key)
        self.progress.past_waiting.discard(key)
        self.run.instances[key] = event
        self.recount(event)
        if event.state not in SCHEDULABLE:
            self.withdraw(event)
        self.limit_deferral(event)
        self.mark(key)

    def limit_deferral(self, instance: Instance) -> None:
        """Have an instance that is deferred wait no longer than it is to."""
        if instance.state == TaskInstanceState.DEFERRED and instance.next_at_us is not None:
            self.progress.set_timer(instance.key, instance.next_at_us)

    def time_out_deferral(self, instance: Instance) -> None:
        """Have an instance that is still deferred go on, only to fail."""
        if instance.state == TaskInstanceState.DEFERRED:
            self.set_state(instance, TaskInstanceState.SCHEDULED, DEFERRAL_TIMEOUT)

    def recount(self, instance: Instance) -> None:
        for key in self.progress.count(instance):
            self.mark(key)

    def mark(self, key: InstanceKey) -> None:
        """Have `key` decided in this pass, after all that is upstream of it."""
        if key not in self.marked and self.run.instances[key].state in SCHEDULABLE:
            self.marked.add(key)
            heappush(self.waiting, (self.dag.positions.get(key[0], -1), key))

    # What follows

    def settle(self) -> None:
        while self.waiting:
            key = heappop(self.waiting)[1]
            self.marked.discard(key)
            instance = self.run.instances.get(key)  # None: it stood for those that there are now
            if instance is not None and instance.state in SCHEDULABLE:
                self.settle_one(instance)

    def settle_one(self, instance: Instance) -> None:
        view = View(self.run, self.progress, self.facts, self.now_us)
        verdict = judge(instance, view)
        self.progress.past_waiting.discard(instance.key)
        task = self.dag.tasks.get(instance.task_id)
        if verdict.state is not None:
            self.set_state(instance, verdict.state, verdict.reason)
        elif not verdict.runs:
            self.hold(instance, verdict)
        elif task is not None and task.is_mapped and self.expand(task, instance):
            return
        elif task is not None and task.is_empty:
            self.finish_empty(instance)
        else:
            self.announce(instance)

    def expand(self, task: TaskSpec, instance: Instance) -> bool:
        """Make the instances of a mapped task that are missing; False where this one may run.

        That which stands for all becomes the first. Those that there are too many of are removed,
        as where what it is mapped over was cleared and is of another length now.
        """
        length = self.length_of(task)
        if instance.map_index < 0:
            self.begin(task, instance, length)
            return True
        if length is None or length == len(self.progress.keys[task.task_id]):
            return False
        if self.progress.revised.get(task.task_id) == length:
            if instance.map_index >= length:  # it was cleared
                self.drop(instance, length)
            return instance.map_index >= length
        self.progress.revised[task.task_id] = length
        known = {index for _, index in self.progress.keys[task.task_id]}
        if length > (first := max(known) + 1):
            self.create(task, instance.id, range(first, length), begins=False)
        for index in sorted(known - {*range(length)}):
            self.drop(self.run.instances[task.task_id, index], length)
        return instance.map_index >= length

    def drop(self, instance: Instance, length: int) -> None:
        """Take out an instance that there is no value for; of nothing, the first is skipped."""
        if length == 0 and instance.map_index == 0 and instance.state in SCHEDULABLE:
            self.set_state(instance, TaskInstanceState.SKIPPED, NOTHING)
        elif instance.state != TaskInstanceState.REMOVED:
            self.stop(instance, TaskInstanceState.REMOVED, SHRUNK)

    def length_of(self, task: TaskSpec) -> int | None:
        assert task.expansion is not None  # it is mapped
        return mapping.length(task.expansion, self.progress.result_length)

    def begin(self, task: TaskSpec, instance: Instance, length: int | None) -> None:
        """Have an instance that stands for all of its task become the first of them."""
        if length is None:
            reason = "the length of what it is mapped over is not known"
            self.set_state(instance, TaskInstanceState.UPSTREAM_FAILED, reason)
        elif length == 0:
            self.set_state(instance, TaskInstanceState.SKIPPED, NOTHING)
        elif length > mapping.MOST_INSTANCES:
            most = mapping.MOST_INSTANCES
            reason = f"it is mapped over {length} values; {most} is the most"
            self.set_state(instance, TaskInstanceState.FAILED, reason)
        elif (task.task_id, 0) in self.run.instances:  # it was not mapped, or over literals
            self.set_state(instance, TaskInstanceState.REMOVED, "it has map indexes")
        else:
            self.create(task, instance.id, range(length), begins=True)

    def create(self, task: TaskSpec, row: int, indexes: range, *, begins: bool) -> None:
        """Make instances; the first of them is what stood for all, where it `begins` so."""
        stood_for_all = (task.task_id, -1)
        made = [self.new_instance(task, index) for index in indexes[1 if begins else 0 :]]
        self.decision.expansions.append(Expansion(row, task.task_id, made, task.retries, begins))
        if begins:
            first = self.run.instances.pop(stood_for_all)
            first.map_index = 0
            made = [first, *made]
        self.run.instances.update((instance.key, instance) for instance in made)
        for key in self.progress.expand(stood_for_all, made):
            self.mark(key)
        for instance in made:
            self.mark(instance.key)

    def new_instance(self, task: TaskSpec, map_index: int) -> Instance:
        self.new_id -= 1
        return Instance(
            self.new_id,
            task.task_id,
            map_index,
            max_tries=task.retries,
            pool=task.pool,
            pool_slots=task.pool_slots,
            queue=task.queue,
            priority_weight=task.priority_weight,
        )

    def hold(self, instance: Instance, verdict: RuleOutcome) -> None:
        """Leave an instance as it is until what it waits for is seen."""
        if verdict is WAITS_FOR_PAST:
            self.progress.past_waiting.add(instance.key)
        elif verdict is WAITS_FOR_TIME and instance.next_at_us is not None:
            self.progress.set_timer(instance.key, instance.next_at_us)
        self.withdraw(instance)

    # What is said

    def announce(self, instance: Instance) -> None:
        if instance.key not in self.progress.announced:
            self.progress.announced.add(instance.key)
            self.decision.ready.append(instance)

    def withdraw(self, instance: Instance) -> None:
        """Take back that an instance is ready, if that was ever told."""
        key = instance.key
        if key in self.announced_before or key in self.progress.announced:
            self.decision.withdrawn.append(instance)
        self.progress.announced.discard(key)
        self.announced_before.discard(key)

    def finish_empty(self, instance: Instance) -> None:
        again = instance.state == TaskInstanceState.UP_FOR_RESCHEDULE
        instance.try_number += 0 if again else 1
        reason = "an EmptyOperator does nothing"
        self.set_state(instance, TaskInstanceState.SUCCESS, reason, instance.try_number)

    def stop(self, instance: Instance, state: TaskInstanceState, reason: str) -> None:
        """End an instance from outside, which its host is told if there is an attempt."""
        if instance.state in ACTIVE:
            self.decision.kill.append(instance)
        self.set_state(instance, state, reason)

    def set_state(
        self,
        instance: Instance,
        state: TaskInstanceState | None,
        reason: str,
        try_number: int | None = None,
    ) -> None:
        self.withdraw(instance)
        self.progress.drop_timer(instance.key)
        self.progress.past_waiting.discard(instance.key)
        before = instance.state
        self.decision.changes.append(
            Change(instance.id, before, instance.attempt, state, reason, try_number)
        )
        instance.state = state
        instance.next_at_us = None
        self.recount(instance)
        self.mark(instance.key)

    # How the run ends

    def stop_if_failed(self) -> None:
        """With fail_stop, end all but the teardowns as soon as a task has failed."""
        if not self.dag.fail_stop or not self.progress.totals[TaskInstanceState.FAILED]:
            return
        for instance in self.run.instances.values():
            task = self.dag.tasks.get(instance.task_id)
            if instance.state in FINISHED or task is None or task.is_teardown:
                continue
            ran = instance.state in (TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING)
            state = TaskInstanceState.FAILED if ran else TaskInstanceState.SKIPPED
            self.stop(instance, state, "fail_stop: a task failed")

    @property
    def timeout_us(self) -> int | None:
        if self.dag.dagrun_timeout_s is None or self.run.start_us is None:
            return None
        started_us = self.run.start_us + self.run.unlived_us
        return started_us + seconds_us(self.dag.dagrun_timeout_s)

    def time_out(self) -> None:
        """Fail the run; what was begun is skipped, and as in Airflow the rest keeps no state."""
        for instance in self.run.instances.values():
            if instance.state is None:
                self.withdraw(instance)
            elif instance.state not in FINISHED:
                self.stop(instance, TaskInstanceState.SKIPPED, "the run exceeded dagrun_timeout")
        self.end(DagRunState.FAILED, "timed_out")

    def end_if_over(self) -> None:
        if not self.progress.unfinished:
            failed = self.has_failed()
            state = DagRunState.FAILED if failed else DagRunState.SUCCESS
            self.end(state, "task_failure" if failed else "success")
        elif self.is_deadlocked():
            self.end(DagRunState.FAILED, "all_tasks_deadlocked")

    def has_failed(self) -> bool:
        """Judge a run of which all has ended by its leaves."""
        judges = self.dag.effective_leaves
        if self.dag.fail_stop:
            judges = tuple(name for name, task in self.dag.tasks.items() if not task.is_teardown)
        return any(
            self.run.instances[key].state in FAILED_STATES
            for name in judges
            for key in self.progress.keys.get(name, ())
        )

    def is_deadlocked(self) -> bool:
        """Tell whether nothing runs or is ready, and no time, run or event can change that."""
        progress = self.progress
        moving = sum(progress.totals[state] for state in (*ACTIVE, TaskInstanceState.DEFERRED))
        waits = progress.announced or progress.past_waiting or progress.next_timer_us() is not None
        return not moving and not waits

    def end(self, state: DagRunState, reason: str) -> None:
        self.run.state = self.decision.run_state = state
        self.decision.run_reason = reason
        self.run.counters = None
        kind = "on_success" if state == DagRunState.SUCCESS else "on_failure"
        if any(name.startswith(kind) for name in self.dag.callbacks):
            self.decision.callbacks.append(CallbackDue(kind, reason))

    def wake_at_us(self) -> int | None:
        moments = (self.progress.next_timer_us(), self.timeout_us)
        return min((moment for moment in moments if moment is not None), default=None)
