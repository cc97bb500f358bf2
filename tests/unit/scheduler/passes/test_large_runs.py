"""A run of very many tasks: what one task costs the scheduler does not grow with their number.

Counted, not timed: calls of Python's functions, and statements.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager

import pytest

from airflow_lite.spec.model import DagSpec, TaskSpec
from fixtures.query_plans import recorded_statements

AT_ONCE = 100
FEW, MANY = 500, 2_000


@contextmanager
def counted_calls():
    """Count the calls of functions, of Python's and of C, within."""
    counts = [0]

    def count(_frame, event, _argument):
        if event in {"call", "c_call"}:
            counts[0] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield counts
    finally:
        sys.setprofile(before)


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


@pytest.fixture
def cost(make_rig):
    """Return the calls and the statements a task of one run that is brought to its end."""

    def cost(spec):
        rig = make_rig(core__parallelism=AT_ONCE, core__default_pool_task_slot_count=AT_ONCE)
        with recorded_statements(rig.store) as statements, counted_calls() as calls:
            run = rig.begin(spec)
            while rig.loop.context.memory.find_run(run) is not None or not rig.executor.executed:
                rig.loop.do_pass()
        assert len(rig.executor.executed) == len(spec.tasks)
        return calls[0] / len(spec.tasks), len(statements) / len(spec.tasks)

    return cost


@pytest.mark.sqlite
@pytest.mark.parametrize("shape", [wide, fan])
def test_a_task_of_a_large_run_costs_what_one_of_a_small_run_does(cost, shape):
    few_calls, few_statements = cost(shape(FEW))
    many_calls, many_statements = cost(shape(MANY))

    assert many_calls < few_calls * 1.25
    assert many_statements < few_statements * 1.25
