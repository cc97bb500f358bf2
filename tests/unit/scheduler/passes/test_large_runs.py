"""A run of very many tasks: what one task costs the scheduler does not grow with their number.

Counted, not timed: calls of Python's functions, and statements.
"""

from __future__ import annotations

from typing import Any

import pytest

from airflow_lite.spec.model import DagSpec, TaskSpec
from fixtures.counted_calls import counted_calls
from fixtures.query_plans import recorded_statements

AT_ONCE = 100
FEW, MANY = 500, 2_000


def wide(tasks):
    """Make a DAG of tasks that need nothing of each other."""
    names = [f"t{number}" for number in range(tasks)]
    return DagSpec("d", tasks={name: TaskSpec(name) for name in names}, max_active_tasks=tasks)


def fan(tasks):
    """Make a DAG of one task before all others, and one after them."""
    names = tuple(f"t{number}" for number in range(tasks - 2))
    specs = {name: TaskSpec(name, upstream=("first",), downstream=("last",)) for name in names}
    specs["first"] = TaskSpec("first", downstream=names)
    specs["last"] = TaskSpec("last", upstream=names)
    return DagSpec("d", tasks=specs, max_active_tasks=tasks)


def mapped(tasks):
    """Make a DAG of a task that is mapped over the result of one before it, and one after it."""
    over = TaskSpec(
        "over",
        upstream=("first",),
        downstream=("last",),
        expansion=["result", "first"],
        mapped_over=("first",),
    )
    specs = {
        "first": TaskSpec("first", downstream=("over",)),
        "over": over,
        "last": TaskSpec("last", upstream=("over",)),
    }
    return DagSpec("d", tasks=specs, max_active_tasks=tasks)


def group(tasks):
    """Make a DAG of a group of two tasks, one after the other, that is mapped over a result."""
    of_group: dict[str, Any] = {"expansion": ["result", "first"], "mapped_over": ("first",)}
    specs = {
        "first": TaskSpec("first", downstream=("one",)),
        "one": TaskSpec("one", upstream=("first",), downstream=("two",), **of_group),
        "two": TaskSpec("two", upstream=("one",), pairwise=("one",), **of_group),
    }
    return DagSpec("d", tasks=specs, max_active_tasks=tasks)


@pytest.fixture
def cost(make_rig):
    """Return the calls and the statements a task of one run that is brought to its end.

    A mapped task has so many instances that they are `tasks` in all.
    """

    def cost(shape, tasks):
        spec = shape(tasks)
        ways = {"wide": 1, "fan": 1, "mapped": 1, "group": 2}[shape.__name__]
        rig = make_rig(core__parallelism=AT_ONCE, core__default_pool_task_slot_count=AT_ONCE)
        with recorded_statements(rig.store) as statements, counted_calls() as calls:
            run = rig.begin(spec)
            rig.executor.map_lengths["first"] = (tasks - len(spec.tasks)) // ways + 1
            while rig.loop.context.memory.find_run(run) is not None or not rig.executor.executed:
                rig.loop.do_pass()
        assert len(rig.executor.executed) == tasks
        return calls[0] / tasks, len(statements) / tasks

    return cost


@pytest.mark.sqlite
@pytest.mark.parametrize("shape", [wide, fan, mapped, group])
def test_a_task_of_a_large_run_costs_what_one_of_a_small_run_does(cost, shape):
    few_calls, few_statements = cost(shape, FEW + 1)
    many_calls, many_statements = cost(shape, MANY + 1)

    assert many_calls < few_calls * 1.25
    assert many_statements < few_statements * 1.25
