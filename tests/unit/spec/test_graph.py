"""What follows from the edges of a DAG: judges of a run, and the scope of set-ups."""

from __future__ import annotations

import itertools

import pytest

from airflow_lite import DAG
from airflow_lite.parsing.serialize import dag_spec
from airflow_lite.spec.graph import with_relatives
from airflow_lite.spec.model import DagSpec, TaskSpec
from fixtures.goldens import read_golden

CLEARED = read_golden("authors")["clearing"]


def dag(edges: str, *, setups: str = "", teardowns: str = "", strict: str = "") -> DagSpec:
    """Build a DAG of `a>b b>c`; `strict` are teardowns that shall fail the run."""
    chains = [part.split(">") for part in edges.split()]
    pairs = {pair for chain in chains for pair in itertools.pairwise(chain)}
    names = dict.fromkeys(name for chain in chains for name in chain)
    tasks = {
        name: TaskSpec(
            name,
            upstream=tuple(above for above, below in sorted(pairs) if below == name),
            downstream=tuple(below for above, below in sorted(pairs) if above == name),
            is_setup=name in setups,
            is_teardown=name in teardowns + strict,
            on_failure_fail_dagrun=name in strict,
        )
        for name in names
    }
    return DagSpec("d", tasks=tasks)


@pytest.mark.parametrize(
    ("found", "leaves"),
    [
        (dag("a>b a>c"), {"b", "c"}),
        (dag("a>t", teardowns="t"), {"a"}),
        (dag("a>t b", teardowns="t"), {"a", "b"}),
        (dag("a>t", strict="t"), {"t"}),
        (dag("a>t a>u", teardowns="t", strict="u"), {"u"}),
        (dag("t>u", teardowns="tu"), {"u"}),
    ],
)
def test_a_run_is_judged_by_its_leaves_but_for_teardowns(found, leaves) -> None:
    assert set(found.effective_leaves) == leaves


@pytest.mark.parametrize(
    ("found", "scopes"),
    [
        (dag("a>b>c"), {}),
        (dag("s>b>c", setups="s"), {"c": ("s",)}),
        (dag("s>b>c>t>x s>t", setups="s", teardowns="t"), {"c": ("s",)}),
        (dag("s>b>x b>t s>t", setups="s", teardowns="t"), {}),
        (dag("s>r>b>c", setups="sr"), {"b": ("s",), "c": ("s", "r")}),
    ],
)
def test_a_setup_guards_what_is_below_it_up_to_its_teardown(found, scopes) -> None:
    assert found.indirect_setups == scopes


def test_positions_follow_the_topological_order() -> None:
    found = DagSpec.from_json(dag("a>c b>c c>e").to_json())
    assert all(
        found.positions[above] < found.positions[name]
        for name, task in found.tasks.items()
        for above in task.upstream
    )


@pytest.mark.parametrize("name", CLEARED)
def test_what_is_cleared_with_a_task_is_what_airflow_clears(scopes_dag, name):
    with DAG(name, schedule=None) as dag:
        getattr(scopes_dag, name)()
    tasks = dag_spec(dag).tasks
    found = {
        flags: {
            task: " ".join(sorted(with_relatives(tasks, [task], upstream=up, downstream=down)))
            for task in sorted(tasks)
        }
        for flags, (up, down) in scopes_dag.FLAGS.items()
    }

    assert found == CLEARED[name]
