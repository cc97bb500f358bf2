"""Random DAGs with mapped tasks and groups, whose attempts end in any order, over many seeds.

Every step is decided twice: by its events, and afresh from the same rows. What is decided must be
the same, and what comes out must hold: each task has the instances that its source's length calls
for, nothing begins before what is above it has ended, every run ends. A failure names its seed:
`pytest -k mapped_simulation` with `SIMULATION_SEEDS=17:18`.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from airflow_lite.scheduler.planner.advance import advance
from airflow_lite.scheduler.planner.instance import Facts, Instance
from airflow_lite.scheduler.planner.model import Run
from airflow_lite.spec import mapping
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.states import FINISHED, SCHEDULABLE, DagRunState, TaskInstanceState, TriggerRule

S = TaskInstanceState
CHUNKS, SEEDS_PER_CHUNK = 10, 40
MOST_STEPS = 500
#: `always` does not wait for what it is mapped over.
RULES = [str(rule) for rule in TriggerRule if rule not in ("always", "dummy")]


def random_dag(rng: random.Random) -> DagSpec:
    names = [f"t{number:02}" for number in range(rng.randint(2, 9))]
    chosen: dict[str, dict] = {}
    for place, name in enumerate(names):
        before = names[max(0, place - 4) : place]
        above = {other for other in before if rng.random() < 0.35}
        chosen[name] = random_kind(rng, chosen, before) | {"above": above}
    for options in chosen.values():
        options["above"] |= set(options.get("mapped_over", ()))
    return DagSpec("d", tasks={name: spec_of(name, chosen) for name in names})


def random_kind(rng, chosen, before):
    """Choose whether a task is mapped, over what, or in the group of one before it."""
    rule = "all_success" if rng.random() < 0.6 else rng.choice(RULES)
    options = {"trigger_rule": rule, "is_empty": rng.random() < 0.1}
    dice = rng.random()
    if dice < 0.2:
        return options | {"expansion": ["literal", rng.randint(0, 3)]}
    if dice < 0.5 and before:
        sources = rng.sample(before, min(len(before), rng.choice([1, 1, 2])))
        parts = [["result", name] for name in sources]
        whole = (
            parts[0] if len(parts) == 1 else [rng.choice(["product", "sum", "shortest"]), *parts]
        )
        return options | {"expansion": whole, "mapped_over": tuple(sorted(sources))}
    mates = [name for name in before if "expansion" in chosen[name]]
    if dice < 0.75 and mates:
        first = chosen[mates[-1]]
        same = {name: first[name] for name in ("expansion", "mapped_over") if name in first}
        return options | same | {"group_of": mates[-1]}
    return options


def spec_of(name, chosen):
    options = dict(chosen[name])
    above = options.pop("above")
    mate = options.pop("group_of", None)
    if mate is not None:
        above = above | {mate}
        options["pairwise"] = (mate,)
    below = [
        other
        for other, its in chosen.items()
        if name in its["above"] or its.get("group_of") == name
    ]
    return TaskSpec(name, upstream=tuple(sorted(above)), downstream=tuple(sorted(below)), **options)


class World:
    """The rows of one run, and a scheduler that is told of those that changed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.dag = random_dag(self.rng)
        keys = [
            (name, index) for name, task in self.dag.tasks.items() for index in task.first_indexes
        ]
        instances = {key: Instance(at, *key) for at, key in enumerate(keys, 1)}
        self.run = Run(1, "d", "r", "manual", DagRunState.RUNNING, 0, instances=instances)
        self.rows = len(keys)
        self.ready: set[tuple[str, int]] = set()
        self.clears = self.rng.choice([0, 0, 1, 2])

    def advance(self, events):
        twin = replace(
            self.run,
            counters=None,
            instances={key: replace(item) for key, item in self.run.instances.items()}
            | {event.key: replace(event) for event in events},
        )
        decision = advance(self.run, self.dag, events, Facts(), 0)
        afresh = advance(twin, self.dag, [], Facts(), 0)
        self.ready -= {event.key for event in events}
        self.ready |= {item.key for item in decision.ready}
        self.ready -= {item.key for item in decision.withdrawn}
        assert states(self.run) == states(twin)
        assert self.run.state == twin.state
        if self.run.state == DagRunState.RUNNING:
            assert self.ready == {item.key for item in afresh.ready}
        self.take_rows(decision)

    def take_rows(self, decision):
        """Give new instances their rows; each change must be of one that there is."""
        known = {item.id for item in self.run.instances.values()}
        assert {change.row for change in decision.changes} <= known
        for expansion in decision.expansions:
            assert expansion.row > 0
            for instance in expansion.created:
                assert instance.id < 0
                self.rows += 1
                instance.id = self.rows
        ids = [item.id for item in self.run.instances.values()]
        assert len(set(ids)) == len(ids)

    def step(self):
        events = []
        for key in sorted(self.ready):
            if self.rng.random() < 0.6:
                events.append(self.end(key))
        if not events and self.ready:
            events.append(self.end(min(self.ready)))
        self.rng.shuffle(events)
        self.advance(events)

    def end(self, key):
        """Run an instance to one of its ends."""
        instance = self.run.instances[key]
        assert instance.state in SCHEDULABLE
        self.check_above(key)
        state = self.rng.choices([S.SUCCESS, S.FAILED, S.SKIPPED], [80, 10, 10])[0]
        length = None
        if state == S.SUCCESS and key[0] in self.dag.result_lengths:
            length = self.rng.randint(0, 1) if key[1] >= 0 else self.rng.randint(0, 4)
        return replace(instance, state=state, map_length=length)

    def check_above(self, key):
        """What must have ended has, before an instance begins."""
        task = self.dag.tasks[key[0]]
        if task.trigger_rule not in ("all_success", "all_done", "none_failed", "none_skipped"):
            return
        for name, index in self.run.instances:
            if name in task.upstream and (name not in task.pairwise or index in (-1, key[1])):
                assert self.run.instances[name, index].state in FINISHED, (key, name, index)

    def clear(self):
        """Clear a task with all below it, which then may be of another length."""
        self.clears -= 1
        waiting, cleared = [self.rng.choice(sorted(self.dag.tasks))], set()
        while waiting:
            name = waiting.pop()
            cleared.add(name)
            waiting += [below for below in self.dag.tasks[name].downstream if below not in cleared]
        for (name, _), instance in self.run.instances.items():
            if name in cleared:
                instance.state, instance.map_length = None, None
        self.run.state, self.run.counters = DagRunState.RUNNING, None
        self.ready.clear()
        self.advance([])

    def check_end(self):
        for name, task in self.dag.tasks.items():
            indexes = sorted(index for other, index in self.run.instances if other == name)
            live = [
                index for index in indexes if self.run.instances[name, index].state != S.REMOVED
            ]
            if task.expansion is None:
                assert indexes == [-1]
            elif live and live[0] >= 0:
                assert live == list(range(len(live)))
                if task.trigger_rule != "all_success":
                    continue  # it may have begun before the length was known
                ran = any(self.run.instances[name, index].state == S.SUCCESS for index in live)
                length = mapping.length(task.expansion, self.length)
                assert length is None or len(live) <= length or not ran

    def length(self, name):
        of_task = [item for (other, _), item in self.run.instances.items() if other == name]
        lengths = [item.map_length for item in of_task if item.map_length is not None]
        if self.dag.tasks[name].is_mapped:
            return sum(lengths)
        return lengths[0] if lengths else None


def states(run):
    return {key: item.state for key, item in run.instances.items()}


def seeds():
    wanted = os.environ.get("SIMULATION_SEEDS")
    if wanted:
        first, _, last = wanted.partition(":")
        return [range(int(first), int(last or int(first) + 1))]
    return [range(at * SEEDS_PER_CHUNK, (at + 1) * SEEDS_PER_CHUNK) for at in range(CHUNKS)]


@pytest.mark.parametrize("chunk", seeds(), ids=lambda chunk: f"{chunk.start}")
def test_mapped_simulation(chunk) -> None:
    for seed in chunk:
        try:
            simulate(World(seed))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def simulate(world: World) -> None:
    world.advance([])
    for _ in range(MOST_STEPS):
        if world.run.state != DagRunState.RUNNING:
            world.check_end()
            if not world.clears:
                return
            world.clear()
        elif world.clears and world.rng.random() < 0.1:
            world.clear()
        else:
            world.step()
    raise AssertionError(f"the run has not ended: {states(world.run)}")
