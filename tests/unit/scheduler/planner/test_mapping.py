"""What becomes of mapped tasks: their instances, and what comes after these."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace

import pytest

from airflow_lite.scheduler.planner.advance import advance, missing_instances
from airflow_lite.scheduler.planner.instance import Facts, Instance
from airflow_lite.scheduler.planner.model import Run
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.states import DagRunState, TaskInstanceState

S = TaskInstanceState


def make_dag(**tasks):
    """Make a DAG of tasks by id: what comes before each, and what else its spec has."""
    specs = {}
    for name, options in tasks.items():
        below = tuple(sorted(other for other in tasks if name in tasks[other].get("upstream", ())))
        specs[name] = TaskSpec(name, downstream=below, **options)
    return DagSpec("d", tasks=specs)


def after(*names, **options):
    return {"upstream": tuple(sorted(names)), **options}


def over(*names, **options):
    (first, *_) = names
    return after(*names, expansion=["result", first], mapped_over=(first,), **options)


class World:
    """A run whose rows are as `advance` was told and decided."""

    def __init__(self, dag):
        self.dag = dag
        keys = [(name, index) for name, task in dag.tasks.items() for index in task.first_indexes]
        self.run = Run(
            1, "d", "r", "manual", DagRunState.RUNNING, 0,
            instances={key: Instance(at, *key) for at, key in enumerate(keys, 1)},
        )  # fmt: skip
        self.rows = 100
        self.see()

    def see(self, **events):
        """Have instances seen in new states: `a="success"`, `a_1=…` of an index, with a length."""
        seen = []
        for name, state in events.items():
            task_id, _, index = name.partition("_")
            key = (task_id, int(index) if index else -1)
            columns = state if isinstance(state, dict) else {"state": state}
            seen.append(replace(self.run.instances[key], **columns))
        self.decision = advance(self.run, self.dag, seen, Facts(), 0)
        for expansion in self.decision.expansions:
            for instance in expansion.created:
                self.rows += 1
                instance.id = self.rows
        return self

    @property
    def states(self):
        return {
            name if index < 0 else f"{name}_{index}": item.state and str(item.state)
            for (name, index), item in sorted(self.run.instances.items())
        }

    @property
    def ready(self):
        return [
            item.task_id if item.map_index < 0 else f"{item.task_id}_{item.map_index}"
            for item in self.decision.ready
        ]


def success(length=None):
    return {"state": S.SUCCESS, "map_length": length}


def test_a_task_becomes_as_many_instances_as_there_are_values():
    world = World(make_dag(a={}, b=over("a"), c=after("b")))
    assert world.ready == ["a"]
    world.see(a=success(3))
    assert world.ready == ["b_0", "b_1", "b_2"]
    (expansion,) = world.decision.expansions
    assert (expansion.row, expansion.begins) == (2, True)  # its row becomes the first
    assert [item.map_index for item in expansion.created] == [1, 2]
    assert not world.see(b_0="success", b_2="success").ready
    assert world.see(b_1="success").ready == ["c"]
    assert world.see(c="success").run.state == "success"


def test_literals_are_instances_from_the_start():
    dag = make_dag(a={"expansion": ["literal", 2]}, b={"expansion": ["literal", 0]})
    world = World(dag)
    assert world.ready == ["a_0", "a_1"]
    assert world.states == {"a_0": None, "a_1": None, "b": "skipped"}
    assert not world.decision.expansions


@pytest.mark.parametrize(
    ("ended", "state"),
    [
        (success(0), "skipped"),
        (success(None), "upstream_failed"),
        ({"state": S.FAILED}, "upstream_failed"),
        ({"state": S.SKIPPED}, "skipped"),
        (success(100_001), "failed"),
    ],
)
def test_nothing_is_made_where_there_is_nothing_to_map(ended, state):
    world = World(make_dag(a={}, b=over("a", trigger_rule="all_done")))
    world.see(a=ended)
    assert world.states["b"] == state
    assert not world.decision.expansions


def test_a_product_has_every_combination():
    expansion = ["product", ["result", "a"], ["literal", 2], ["shortest", ["result", "b"]]]
    both = after("a", "b", expansion=expansion, mapped_over=("a", "b"))
    world = World(make_dag(a={}, b={}, c=both))
    world.see(a=success(3))
    assert world.states["c"] is None
    world.see(b=success(2))
    assert len(world.ready) == 12


def test_a_task_mapped_over_a_mapped_one_has_an_instance_for_each_that_gave_something():
    world = World(make_dag(a={"expansion": ["literal", 3]}, b=over("a")))
    world.see(a_0=success(1), a_1=success(0))
    assert world.ready == []
    assert world.see(a_2=success(1)).ready == ["b_0", "b_1"]


def test_instances_that_come_when_what_is_before_is_longer_and_go_when_it_is_shorter():
    world = World(make_dag(a={}, b=over("a"), c=after("b", trigger_rule="all_done")))
    world.see(a=success(2)).see(b_0="success", b_1="success").see(c="running")
    world.see(a=None, b_0=None, b_1=None, c=None)
    assert world.ready == ["a"]
    assert world.see(a=success(3)).ready == ["b_0", "b_1", "b_2"]
    (expansion,) = world.decision.expansions
    assert (expansion.begins, [item.map_index for item in expansion.created]) == (False, [2])
    world.see(b_0="success", b_1="success", b_2="success")
    assert world.ready == ["c"]
    world.see(a=None, b_0=None, b_1=None, b_2=None, c=None)
    assert world.see(a=success(1)).ready == ["b_0"]
    assert world.states["b_1"] == world.states["b_2"] == "removed"
    assert world.see(b_0="success").ready == ["c"]


def test_what_is_ready_is_withdrawn_when_there_are_more_instances_before_it():
    """An index that is cleared finds its list longer; what came after the others waits again."""
    world = World(make_dag(a={}, b=over("a"), c=after("b")))
    world.see(a=success(1)).see(b_0="success")
    assert world.ready == ["c"]
    world.see(a=success(2), b_0=None)
    assert world.ready == ["b_0", "b_1"]
    assert [item.task_id for item in world.decision.withdrawn] == ["c"]
    assert world.see(b_0="success").ready == []
    assert world.see(b_1="success").ready == ["c"]


def grouped(**rules):
    """a; then a group of b > c mapped over it, of which c looks at its own index; then e."""
    of_group = {"expansion": ["result", "a"], "mapped_over": ("a",)}
    return make_dag(
        a={},
        b=after("a", **of_group),
        c=after("b", pairwise=("b",), **of_group, **rules),
        e=after("c", trigger_rule="all_done"),
    )


def test_in_a_group_each_index_goes_its_own_way():
    world = World(grouped()).see(a=success(3))
    assert world.ready == ["b_0", "b_1", "b_2"]
    assert world.see(b_1="success").ready == ["c_1"]
    world.see(b_0="failed")
    assert world.states["c_0"] == "upstream_failed"
    world.see(c_1="success", b_2="success")
    assert world.ready == ["c_2"]
    assert world.see(c_2="success").ready == ["e"]


@pytest.mark.parametrize(
    ("ended", "state"), [(success(0), "skipped"), ({"state": S.FAILED}, "upstream_failed")]
)
def test_a_group_without_values_ends_as_one(ended, state):
    world = World(grouped()).see(a=ended)
    assert (world.states["b"], world.states["c"]) == (state, state)
    assert world.ready == ["e"]


def test_a_set_up_of_a_group_is_for_its_own_index():
    two = {"expansion": ["literal", 2]}
    dag = make_dag(
        s=after(is_setup=True, **two),
        w=after("s", pairwise=("s",), **two),
        x=after("w", pairwise=("s", "w"), trigger_rule="all_done", **two),
    )
    world = World(dag).see(s_0="failed", s_1="success")
    assert world.states["w_0"] == world.states["x_0"] == "upstream_failed"
    assert world.ready == ["w_1"]
    assert world.see(w_1="failed").ready == ["x_1"]


def test_an_empty_operator_of_a_group_ends_with_its_instance():
    dag = grouped(is_empty=True)
    world = World(dag).see(a=success(2)).see(b_1="success")
    assert world.states["c_1"] == "success"
    (change,) = world.decision.changes
    assert change.row > 100


def test_changes_of_instances_that_have_no_row_yet_name_them_below_zero():
    of_group = {"expansion": ["result", "a"], "mapped_over": ("a",)}
    dag = make_dag(a={}, b=after("a", is_empty=True, **of_group))
    world = World(dag)
    seen = [replace(world.run.instances["a", -1], **success(3))]
    decision = advance(world.run, dag, seen, Facts(), 0)
    made = [item.id for item in decision.expansions[0].created]
    assert [change.row for change in decision.changes] == [2, *made]
    assert all(row < 0 for row in made)
    assert decision.run_state == "success"


def test_a_new_definition_adds_and_removes_indexes():
    dag = make_dag(a={"expansion": ["literal", 3]}, b={"expansion": ["literal", 1]}, c={})
    world = World(dag)
    newer = make_dag(
        a={"expansion": ["literal", 2]}, b={"expansion": ["literal", 3]}, c=over("a", "b")
    )
    found = [(task.task_id, index) for task, index in missing_instances(world.run, newer)]
    assert found == [("b", 1), ("b", 2)]
    world.dag = newer
    world.run.instances.update({("b", index): Instance(50 + index, "b", index) for index in (1, 2)})
    world.see()
    assert world.states == {
        "a_0": None,
        "a_1": None,
        "a_2": "removed",
        "b_0": None,
        "b_1": None,
        "b_2": None,
        "c": None,
    }


def test_a_task_that_is_mapped_no_more_has_one_instance_again():
    world = World(make_dag(a={"expansion": ["literal", 2]}))
    world.dag = make_dag(a={})
    ((task, index),) = missing_instances(world.run, world.dag)
    assert (task.task_id, index) == ("a", -1)
    world.run.instances["a", -1] = Instance(9, "a")
    assert world.see().ready == ["a"]
    assert world.states == {"a": None, "a_0": "removed", "a_1": "removed"}


class Counting(dict):
    """Instances of a run that count how often one is looked at."""

    looks = 0

    def __getitem__(self, key):
        self.looks += 1
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.looks += 1
        return super().get(key, default)


@pytest.mark.parametrize("below", ["one", "mapped", "group"])
def test_an_event_costs_the_same_however_many_instances_there_are(below):
    def looks(length):
        two: dict[str, object] = {"expansion": ["literal", length]}
        options: dict[str, object] = {
            "one": {},
            "mapped": two,
            "group": {**two, "pairwise": ("a",)},
        }[below]
        world = World(make_dag(a=two, b=after("a", **options)))
        world.see(a_0="success")  # the first of its kind
        world.run.instances = Counting(world.run.instances)
        world.see(a_1="success")
        return world.run.instances.looks

    assert looks(1_000) == looks(10) <= 8


def test_memory_grows_with_the_instances_and_no_faster():
    def taken(length):
        world = World(make_dag(a={}, b=over("a"), c=after("b"), d=over("b")))
        seen = [replace(world.run.instances["a", -1], **success(length))]
        gc.collect()
        tracemalloc.start()
        try:
            advance(world.run, world.dag, seen, Facts(), 0)
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert taken(10_000) < 11 * taken(1_000)


def test_mapped_over_nothing_after_a_clear_it_is_skipped():
    world = World(make_dag(a={}, b=over("a"), c=after("b", trigger_rule="none_failed")))
    world.see(a=success(2)).see(b_0="success", b_1="success").see(c="running")
    world.see(a=None, b_0=None, b_1=None, c=None)
    world.see(a=success(0))
    assert (world.states["b_0"], world.states["b_1"]) == ("skipped", "removed")
