"""Random DAGs in a world that answers late, twice and out of order, over many seeds.

The world's rows are the truth; the scheduler sees copies of them when it is told to look. Every
step is decided twice, by events and afresh, and by a naive oracle that looks at all upstream tasks
of all tasks. A failure names its seed: `pytest -k simulation` with `SIMULATION_SEEDS=17:18`.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from airflow_lite.keys import TaskInstanceKey
from airflow_lite.scheduler.planner.advance import advance
from airflow_lite.scheduler.planner.instance import Facts, Instance, Past
from airflow_lite.scheduler.planner.model import Run
from airflow_lite.scheduler.planner.trigger_rules import Tally, decide
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.spec.retry import after_failure
from airflow_lite.states import (
    ACTIVE,
    FINISHED,
    SCHEDULABLE,
    DagRunState,
    TaskInstanceState,
    TriggerRule,
)
from fixtures.goldens import read_golden

GOLDEN = read_golden("trigger_rules")
S = TaskInstanceState
FAILURES = (S.FAILED, S.UPSTREAM_FAILED)
CHUNKS, SEEDS_PER_CHUNK = 20, 75
MOST_STEPS = 3_000


# The oracle: the rules once more, by looking at every upstream task


def naive_rule(rule, states, setups=()):
    """Return "run", "wait" or the new state, for the states upstream and those of its set-ups."""
    count, total = Counter(states), len(states)
    failed = count[S.FAILED] + count[S.UPSTREAM_FAILED]
    done = all(state in FINISHED for state in states)
    success, skipped = count[S.SUCCESS], count[S.SKIPPED]
    if not total or rule in ("always", "dummy"):
        return "run"
    new: Any
    met: Any
    if rule == "all_success":
        new, met = (failed and "upstream_failed") or (skipped and "skipped"), success == total
    elif rule == "all_failed":
        new, met = (success or skipped) and "skipped", failed == total
    elif rule == "all_done":
        new, met = None, done
    elif rule == "all_done_setup_success":
        good, bad = Counter(setups)[S.SUCCESS], Counter(setups)[S.SKIPPED]
        lost = "skipped" if bad == len(setups) else "upstream_failed"
        new, met = done and setups and not good and lost, done
    elif rule == "one_success":
        lost = "skipped" if skipped == total else "upstream_failed"
        new, met = done and not success and lost, success
    elif rule == "one_failed":
        new, met = done and not failed and "skipped", failed
    elif rule == "one_done":
        ran = success + count[S.FAILED]
        new, met = done and not ran and "skipped", ran
    elif rule == "none_failed":
        new, met = failed and "upstream_failed", success + skipped == total
    elif rule in ("none_failed_min_one_success", "none_failed_or_skipped"):
        all_skipped = skipped == total
        new = (failed and "upstream_failed") or (all_skipped and "skipped")
        met = success + skipped == total
    elif rule == "none_skipped":
        new, met = skipped and "skipped", done
    else:
        assert rule == "all_skipped"
        new, met = (success or failed) and "skipped", skipped == total
    return new or ("run" if met else "wait")


def test_the_oracle_agrees_with_airflow() -> None:
    for table, setups_of, works_of in (("plain", None, "upstream"), ("setup", "setups", "works")):
        for row in GOLDEN[table]:
            setups = spread(row[setups_of]) if setups_of else []
            states = spread(row[works_of]) + setups
            for outcome, rules in row["outcome"].items():
                for rule in rules:
                    assert naive_rule(rule, states, setups) == outcome, (rule, row)


def spread(counts):
    return [None if name == "none" else S(name) for name, n in counts.items() for _ in range(n)]


def naive_step(dag, rows, past, now_us):
    """Return what becomes of all `rows`: task id to state, and the tasks that are ready."""
    states = {name: row.state for name, row in rows.items()}
    stop = dag.fail_stop and S.FAILED in states.values()
    for name, state in states.items():
        if stop and state not in FINISHED and not dag.tasks[name].is_teardown:
            states[name] = S.FAILED if state in (S.RUNNING, S.RESTARTING) else S.SKIPPED
    ready = set()
    for name, task in dag.tasks.items():  # in topological order
        if states[name] not in SCHEDULABLE:
            continue
        found = naive_outcome(dag, name, states, rows)
        if found == "run" and waits(task, rows[name], past, now_us):
            found = "wait"
        if found == "run" and task.is_empty:
            states[name] = S.SUCCESS
        elif found == "run":
            ready.add(name)
        elif found != "wait":
            states[name] = S(found)
    return states, ready


def naive_outcome(dag, name, states, rows):
    task = dag.tasks[name]
    for other, row in rows.items():
        decision = row.skip_decision if states[other] == S.SUCCESS else None
        if decision and name in decision.get("skipped", ()):
            return "skipped"
        if decision and other in task.upstream and name not in decision.get("followed", [name]):
            return "skipped"
    if not task.upstream or task.trigger_rule in ("always", "dummy"):
        return "run"
    guards = [states[setup] for setup in naive_guards(dag, name)]
    if any(state in FAILURES for state in guards):
        return "upstream_failed"
    if S.SKIPPED in guards:
        return "skipped"
    setups = [states[above] for above in task.upstream if dag.tasks[above].is_setup]
    found = naive_rule(task.trigger_rule, [states[above] for above in task.upstream], setups)
    return "wait" if found == "run" and any(state != S.SUCCESS for state in guards) else found


def naive_guards(dag, name):
    above, below = reach(dag, name, "upstream"), reach(dag, name, "downstream")
    for setup in sorted(above - set(dag.tasks[name].upstream)):
        if dag.tasks[setup].is_setup:
            ends = {end for end in dag.tasks[setup].downstream if dag.tasks[end].is_teardown}
            if not ends or ends & below:
                yield setup


def reach(dag, name, side):
    found: set[str] = set()
    waiting = [name]
    while waiting:
        near = set(getattr(dag.tasks[waiting.pop()], side)) - found
        found |= near
        waiting += near
    return found


def waits(task, row, past, now_us):
    if task.depends_on_past and past and past[task.task_id].state != S.SUCCESS:
        return True
    timed = row.state in (S.UP_FOR_RETRY, S.UP_FOR_RESCHEDULE)
    return timed and row.next_at_us is not None and row.next_at_us > now_us


# Random DAGs


def random_dag(rng: random.Random) -> DagSpec:
    size = rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 14, rng.randint(1, 30)])
    names = [f"t{number:02}" for number in range(size)]
    density = rng.choice([0.05, 0.15, 0.3, 0.6])
    pairs = {
        (above, below)
        for place, below in enumerate(names)
        for above in names[max(0, place - 6) : place]
        if rng.random() < density
    }
    kinds = {name: random_kind(rng) for name in names}
    tasks = {name: random_task(rng, name, kinds[name], pairs) for name in names}
    return DagSpec(
        "d",
        tasks=tasks,
        fail_stop=rng.random() < 0.1,
        dagrun_timeout_s=rng.choice([None] * 9 + [20.0]),
    )


def random_kind(rng):
    kinds = ["plain", "empty", "branch", "sensor", "setup", "teardown"]
    return rng.choices(kinds, [50, 12, 12, 8, 9, 9])[0]


def random_task(rng, name, kind, pairs):
    rules = [str(rule) for rule in TriggerRule]
    usual = rng.random() < 0.5
    return TaskSpec(
        name,
        operator=kind,
        upstream=tuple(sorted(above for above, below in pairs if below == name)),
        downstream=tuple(sorted(below for above, below in pairs if above == name)),
        trigger_rule="all_success" if usual else rng.choice(rules),
        retries=rng.choice([0, 0, 1, 3]),
        retry_delay_s=rng.choice([0.0, 1.0, 5.0]),
        depends_on_past=rng.random() < 0.1,
        is_empty=kind == "empty",
        is_setup=kind == "setup",
        is_teardown=kind == "teardown",
        on_failure_fail_dagrun=kind == "teardown" and rng.random() < 0.3,
        is_sensor=kind == "sensor",
    )


# The world


class World:
    """The rows, the workers that change them, the users, and a scheduler that looks at copies."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.dag = random_dag(rng)
        self.now_us = 0
        self.tokens = 0
        self.rows = {
            name: Instance(number, name, max_tries=task.retries)
            for number, (name, task) in enumerate(self.dag.tasks.items())
        }
        asks = [name for name, task in self.dag.tasks.items() if task.depends_on_past]
        has_past = rng.random() < 0.7
        self.past = {name: Past(S.RUNNING) for name in asks} if has_past else None
        self.facts = Facts(self.past)
        self.unseen: list[str] = []
        self.candidates: set[str] = set()
        self.clears = rng.choice([0, 0, 2])
        self.history: list[tuple] = []
        self.load()

    def load(self) -> None:
        """Read all rows anew, as after a surprise."""
        self.run = Run(
            1, "d", "r", "scheduled", DagRunState.RUNNING, 0, start_us=0,
            instances={row.key: replace(row) for row in self.rows.values()},
        )  # fmt: skip
        self.candidates.clear()
        self.unseen.clear()

    def write(self, name: str, state, cause: str, **columns) -> None:
        row = self.rows[name]
        user = cause.startswith("user")
        assert user or row.state not in FINISHED, f"{name} was {row.state}, is {state} by {cause}"
        self.history.append((self.now_us, name, row.state, state, cause))
        self.rows[name] = replace(row, state=state, **columns)

    # The workers' side

    def work(self) -> None:
        active = [name for name, row in self.rows.items() if row.state in ACTIVE]
        self.rng.shuffle(active)
        for name in active[: self.rng.randint(0, len(active))]:
            self.work_on(name)
            self.unseen += [name] * self.rng.choice([1, 1, 2])

    def work_on(self, name: str) -> None:
        row = self.rows[name]
        if row.state == S.RESTARTING:
            self.write(name, None, "host: killed after a clear", attempt=None)
        elif row.state == S.RUNNING:
            self.end_attempt(name)
        elif self.rng.random() < 0.05:  # never claimed: a new attempt of the same try
            self.write(name, S.SCHEDULED, "loop: requeue", attempt=None)
        else:
            self.write(name, S.RUNNING, "host: claim")

    def end_attempt(self, name: str) -> None:
        task, row, dice = self.dag.tasks[name], self.rows[name], self.rng.random()
        if task.is_sensor and dice < 0.5:
            at_us = self.now_us + 2_000_000
            self.write(name, S.UP_FOR_RESCHEDULE, "host", next_at_us=at_us)
        elif dice < 0.65:
            self.write(name, S.SUCCESS, "host", skip_decision=self.decision(task))
        elif dice < 0.75:
            self.write(name, S.SKIPPED, "host")
        else:
            key = TaskInstanceKey("d", name, "r", row.try_number)
            verdict = after_failure(
                task, key=key, logical_us=0, max_tries=row.max_tries,
                force_fail=dice > 0.97, max_delay_s=60.0,
            )  # fmt: skip
            at_us = self.now_us + int(verdict.delay_s * 1_000_000)
            self.write(name, verdict.state, "host", next_at_us=at_us)

    def decision(self, task: TaskSpec):
        if task.operator != "branch":
            return None
        below = [name for name in task.downstream if self.rng.random() < 0.5]
        if self.rng.random() < 0.5:
            return {"followed": below}
        return {"skipped": sorted(reach(self.dag, task.task_id, "downstream"))}

    # The users' side

    def meddle(self) -> None:
        """Clear or mark something now and then; the scheduler is told to load again."""
        if not self.clears or self.rng.random() > 0.1:
            return
        self.clears -= 1
        name = self.rng.choice(sorted(self.rows))
        if self.rng.random() < 0.3 and self.rows[name].state not in FINISHED:
            self.write(name, self.rng.choice([S.SUCCESS, S.FAILED]), "user: mark")
        else:
            for other in sorted({name} | reach(self.dag, name, "downstream")):
                self.clear(other)
        self.load()

    def clear(self, name: str) -> None:
        row, retries = self.rows[name], self.dag.tasks[name].retries
        if row.state in (S.RUNNING, S.RESTARTING):
            self.write(name, S.RESTARTING, "user: clear", max_tries=row.try_number + retries)
        elif row.state in FINISHED:
            self.write(
                name, None, "user: clear", attempt=None, skip_decision=None,
                max_tries=row.try_number + retries,
            )  # fmt: skip

    # The scheduler's side

    def look(self) -> list[Instance]:
        """Take some of what is unseen, in any order, as fresh copies of the rows."""
        self.rng.shuffle(self.unseen)
        number = self.rng.randint(0, len(self.unseen))
        taken, self.unseen = self.unseen[:number], self.unseen[number:]
        return [replace(self.rows[name]) for name in taken]

    def advance(self, events: list[Instance]) -> None:
        twin = self.twin(events)
        expected = naive_step(
            self.dag, {row.task_id: row for row in twin.instances.values()}, self.past, self.now_us
        )
        decision = advance(self.run, self.dag, events, self.facts, self.now_us)
        afresh = advance(twin, self.dag, [], self.facts, self.now_us)
        self.candidates -= {event.task_id for event in events}
        self.candidates |= {found.task_id for found in decision.ready}
        self.candidates -= {found.task_id for found in decision.withdrawn}
        self.compare(twin, decision, afresh, expected)
        self.decided = decision
        for change in decision.changes:
            if not self.make(change):
                self.load()
                break

    def twin(self, events: list[Instance]) -> Run:
        known = {key: replace(found) for key, found in self.run.instances.items()}
        known |= {event.key: replace(event) for event in events}
        return replace(self.run, instances=known, counters=None)

    def compare(self, twin, decision, afresh, expected) -> None:
        states, ready = expected
        found = {name: row.state for (name, _), row in self.run.instances.items()}
        assert found == {name: row.state for (name, _), row in twin.instances.items()}
        assert sorted(decision.changes) == sorted(afresh.changes)
        assert (decision.run_state, decision.wake_at_us) == (afresh.run_state, afresh.wake_at_us)
        assert {one.task_id for one in decision.kill} == {one.task_id for one in afresh.kill}
        timeout_s = self.dag.dagrun_timeout_s
        if timeout_s is not None and self.now_us >= timeout_s * 1_000_000:
            assert self.run.state == DagRunState.FAILED
            return
        assert found == states
        if self.run.state == DagRunState.RUNNING:
            assert self.candidates == ready == {one.task_id for one in afresh.ready}
        else:
            assert not ready

    def make(self, change) -> bool:
        """Make a write where the row still is as the scheduler believed."""
        (name,) = [name for name, row in self.rows.items() if row.id == change.row]
        row = self.rows[name]
        if (row.state, row.attempt) != (change.was_state, change.was_attempt):
            return False
        number = row.try_number if change.to_try is None else change.to_try
        self.write(name, change.to_state, "scheduler", try_number=number)
        return True

    def queue(self) -> None:
        for name in sorted(self.candidates):
            if self.rng.random() < 0.7:
                self.queue_one(name)

    def queue_one(self, name: str) -> None:
        row, task = self.rows[name], self.dag.tasks[name]
        assert row.state in SCHEDULABLE, f"{name} was ready and is {row.state}"
        states = [self.rows[above].state for above in task.upstream]
        setups = [self.rows[up].state for up in task.upstream if self.dag.tasks[up].is_setup]
        assert naive_rule(task.trigger_rule, states, setups) == "run", name
        self.tokens += 1
        number = row.try_number + (row.state not in (S.UP_FOR_RESCHEDULE, S.SCHEDULED))
        self.write(name, S.QUEUED, "loop", attempt=str(self.tokens), try_number=number)
        assert number <= row.max_tries + 1, f"{name}: try {number} of {row.max_tries + 1}"
        self.candidates.discard(name)
        known = self.run.instances[name, -1]  # the owner knows what it wrote itself
        known.state, known.attempt, known.try_number = S.QUEUED, str(self.tokens), number
        self.unseen += [name] * self.rng.choice([0, 1])

    # All of it

    def step(self) -> None:
        self.work()
        self.meddle()
        if self.past and self.rng.random() < 0.2:
            self.past = {name: Past(S.SUCCESS) for name in self.past}
            self.facts = Facts(self.past)
        self.advance(self.look())
        if self.run.state == DagRunState.RUNNING:
            self.queue()
        self.now_us += self.rng.choice([0, 100_000, 1_000_000])
        self.sleep_if_idle()

    def sleep_if_idle(self) -> None:
        """With nothing to do, only the promised moment wakes the scheduler: it must be told."""
        moving = self.unseen or self.candidates or self.run.state != DagRunState.RUNNING
        active = any(row.state in ACTIVE for row in self.rows.values())
        past_comes = self.past and any(found.state != S.SUCCESS for found in self.past.values())
        if not moving and not active and not past_comes and self.run.counters is not None:
            assert self.decided.wake_at_us is not None, "nobody will ever wake this run"
            self.now_us = max(self.now_us, self.decided.wake_at_us)

    def live(self) -> World:
        for _ in range(MOST_STEPS):
            self.step()
            if self.run.state != DagRunState.RUNNING:
                return self
        raise AssertionError("the run has not ended")


def seeds(chunk: int) -> range:
    asked = os.environ.get("SIMULATION_SEEDS")
    if asked is None:
        return range(chunk * SEEDS_PER_CHUNK, (chunk + 1) * SEEDS_PER_CHUNK)
    first, last = (int(part) for part in asked.split(":"))
    return range(first + chunk, last, CHUNKS)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_simulation_every_run_ends_as_the_rules_say(chunk) -> None:
    for seed in seeds(chunk):
        world = World(seed)
        try:
            world.live()
        except Exception as error:
            recent = "\n".join(str(entry) for entry in world.history[-30:])
            error.add_note(f"seed {seed}, {world.dag.to_json()}\n{recent}")
            raise


def test_a_simulation_is_the_same_each_time() -> None:
    for seed in range(10):
        assert World(seed).live().history == World(seed).live().history


def test_the_simulated_runs_reach_what_they_are_to_test() -> None:
    ends: Counter[Any] = Counter()
    states: Counter[Any] = Counter()
    causes: Counter[Any] = Counter()
    for seed in range(150):
        world = World(seed).live()
        ends[str(world.run.state)] += 1
        states.update(str(row.state) for row in world.rows.values())
        causes.update(entry[4] for entry in world.history)
    assert {"success", "failed"} == set(ends)
    assert {"success", "failed", "skipped", "upstream_failed"} <= set(states)
    assert {"user: clear", "user: mark", "loop: requeue", "scheduler"} <= set(causes)


def test_tallies_decide_as_the_oracle_on_wide_fan_ins() -> None:
    rng = random.Random(7)
    for _ in range(2_000):
        pool = rng.sample([S.SUCCESS, S.FAILED, S.SKIPPED, S.UPSTREAM_FAILED, None], 3)
        states = rng.choices(pool, k=rng.randint(1, 40))
        tally = Tally()
        for state in states:
            tally.add(state, 1)
        for rule in TriggerRule:
            verdict = decide(rule, tally)
            found = "run" if verdict.runs else str(verdict.state or "wait")
            assert found == naive_rule(rule, states), (rule, states)
