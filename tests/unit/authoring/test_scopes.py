"""`with` over setups and teardowns: what is inside runs after the ones and before the others."""

from __future__ import annotations

import pytest

from airflow_lite import AirflowDagException, EmptyOperator, setup, teardown
from fixtures.goldens import read_golden

EDGES = read_golden("authors")["scopes"]
#: Where Airflow 2.10.5 leaves out edges, so that something inside runs too early or too late.
FEWER_IN_AIRFLOW = {
    "after_inner",
    "edges_outside_two",
    "setup_in_teardown",
    "add_setup",
    "inner_shares_setup",
}


@pytest.mark.parametrize("name", EDGES)
def test_a_scope_makes_the_edges_that_it_makes_in_airflow(scopes_dag, name):
    made = scopes_dag.edges(scopes_dag.SHAPES[name])

    if name not in FEWER_IN_AIRFLOW:
        assert made == EDGES[name]
    for task_id, after in EDGES[name].items():
        assert set(after) <= set(made[task_id])


def test_every_shape_was_asked(scopes_dag):
    assert scopes_dag.SHAPES.keys() == EDGES.keys()


def test_what_is_made_after_an_inner_scope_is_in_the_outer_one(scopes_dag):
    made = scopes_dag.edges(scopes_dag.SHAPES["after_inner"])

    assert "after" in made["ou"]
    assert made["after"] == ["od"]


def test_a_scope_within_itself_makes_no_edge_twice_or_to_itself(dag):
    up, down = EmptyOperator(task_id="up").as_setup(), EmptyOperator(task_id="down").as_teardown()
    up >> down
    with up, down:
        EmptyOperator(task_id="work")

    assert up.downstream_task_ids == {"down", "work"}
    assert down.downstream_task_ids == set()


def test_a_decorated_task_gives_its_scope_too(dag):
    up, down = setup(print)(), teardown(len)([])
    work = EmptyOperator(task_id="work")
    with down.as_teardown(setups=up) as scope:
        scope.add_task(work)
    with up as scope:
        scope.add_task(EmptyOperator(task_id="more"))

    assert work.upstream_task_ids == {"print"}
    assert work.downstream_task_ids == {"len"}
    assert dag.get_task("more").downstream_task_ids == {"len"}


def test_a_task_that_is_added_after_the_with_is_refused(dag):
    with EmptyOperator(task_id="up").as_setup() as scope:
        pass
    with pytest.raises(AirflowDagException) as raised:
        scope.add_task(EmptyOperator(task_id="late"))

    assert str(raised.value) == (
        "add_task(<Task(EmptyOperator): late>) comes after the `with` of its scope. Put it inside."
    )
