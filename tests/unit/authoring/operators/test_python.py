"""PythonOperator, branches and short circuits."""

from __future__ import annotations

import logging

import pytest

from airflow_lite import (
    AirflowException,
    BranchPythonOperator,
    EmptyOperator,
    PythonOperator,
    ShortCircuitOperator,
    TaskGroup,
    get_current_context,
)
from airflow_lite.authoring.context import CONTEXT_KEYS, set_current_context


def named(ds, run_id="default"):
    return ds, run_id


def everything(**context):
    return sorted(context)


def mixed(first, ds, *, second=2, ti=None):
    return first, ds, second, ti is not None


def no_names():
    return "nothing"


@pytest.mark.parametrize(
    ("function", "options", "wanted"),
    [
        (named, {}, ("2024-02-29", "run")),
        (named, {"op_kwargs": {"ds": "mine"}}, ("mine", "run")),
        (mixed, {"op_args": [1]}, (1, "2024-02-29", 2, True)),
        (mixed, {"op_kwargs": {"first": 1, "second": 3}}, (1, "2024-02-29", 3, True)),
        (no_names, {}, "nothing"),
        (lambda templates_dict: templates_dict, {"templates_dict": {"a": 1}}, {"a": 1}),
        (lambda *args: args, {"op_args": (1, 2)}, (1, 2)),
        (lambda a, /, b: (a, b), {"op_args": [1], "op_kwargs": {"b": 2}}, (1, 2)),
        (max, {"op_args": [1, 2]}, 2),
    ],
)
def test_a_function_gets_its_arguments_and_the_names_it_asks_for(
    dag, make_context, function, options, wanted
):
    task = PythonOperator(task_id="t", python_callable=function, **options)

    assert task.execute(make_context(task)) == wanted


def test_a_function_with_keyword_arguments_gets_all_of_the_context(dag, make_context):
    task = PythonOperator(task_id="t", python_callable=everything, op_kwargs={"mine": 1})
    context = make_context(task)

    assert task.execute(context) == sorted([*context, "mine", "templates_dict"])


def test_a_positional_argument_cannot_take_the_place_of_a_context_name(dag, make_context):
    task = PythonOperator(task_id="t", python_callable=named, op_args=[1])

    with pytest.raises(
        ValueError, match="The key 'ds' in args is a part of kwargs and therefore reserved"
    ):
        task.execute(make_context(task))


def test_what_is_returned_is_logged_unless_told_otherwise(dag, make_context, caplog):
    caplog.set_level(logging.INFO)
    for show in (True, False):
        task = PythonOperator(
            task_id=f"t{show}", python_callable=lambda: "secret", show_return_value_in_logs=show
        )
        task.execute(make_context(task))

    assert [record.getMessage() for record in caplog.records] == [
        "Done. Returned value was: secret",
        "Done. Returned value not shown",
    ]


def test_provide_context_of_older_files_changes_nothing(dag, make_context):
    task = PythonOperator(task_id="t", python_callable=lambda ds, **_: ds, provide_context=True)

    assert task.execute(make_context(task)) == "2024-02-29"


def test_the_current_context_is_there_only_while_a_task_runs(dag, make_context):
    task = PythonOperator(task_id="t", python_callable=lambda: get_current_context()["ds"])
    context = make_context(task)
    with set_current_context(context):
        assert task.execute(context) == "2024-02-29"

    with pytest.raises(AirflowException, match="There is no current context"):
        task.execute(context)


def test_the_names_of_the_context_are_airflows(golden):
    assert set(golden("semantics")["context_keys"]["template context"]) <= CONTEXT_KEYS


@pytest.fixture
def branching(dag, make_context):
    """A branch before left, right, group g and join; join is after left too, and after_left."""

    def run(answer, **options):
        branch = BranchPythonOperator(task_id="branch", python_callable=lambda: answer, **options)
        left, right, join, after_left = (
            EmptyOperator(task_id=name) for name in ("left", "right", "join", "after_left")
        )
        with TaskGroup("g") as group:
            EmptyOperator(task_id="a") >> EmptyOperator(task_id="b")
        branch >> [left, right, join, group]
        left >> [join, after_left]
        context = make_context(branch)
        assert branch.execute(context) == answer
        return context["ti"].skip_decision

    return run


@pytest.mark.parametrize(
    ("answer", "followed"),
    [
        ("left", ["join", "left"]),
        ("right", ["right"]),
        (["left", "right"], ["join", "left", "right"]),
        ("g", ["g.a"]),
        ("after_left", []),
        ([], []),
        (None, []),
        ("branch", ["g.a", "join", "left", "right"]),
    ],
)
def test_a_branch_follows_what_it_names_and_what_comes_after_that(branching, answer, followed):
    assert branching(answer) == {"followed": followed}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("nope", "Invalid tasks found: 'nope'"),
        (["left", "x", "y"], "Invalid tasks found: 'x', 'y'"),
        (5, "must be either None, a task id, or a list of task ids; got 5"),
        ([1], r"got \[1\]"),
    ],
)
def test_a_branch_into_nowhere_fails(branching, answer, message):
    with pytest.raises(AirflowException, match=message):
        branching(answer)


@pytest.mark.parametrize(
    ("value", "options", "wanted"),
    [
        (True, {}, None),
        ("x", {}, None),
        (0, {}, {"skipped": ["far", "near"]}),
        ([], {}, {"skipped": ["far", "near"]}),
        (None, {"ignore_downstream_trigger_rules": False}, {"skipped": ["near"]}),
    ],
)
def test_a_short_circuit_skips_what_follows_but_no_teardown(
    dag, make_context, value, options, wanted
):
    gate = ShortCircuitOperator(task_id="gate", python_callable=lambda: value, **options)
    near, far, tidy = (EmptyOperator(task_id=name) for name in ("near", "far", "tidy"))
    gate >> near >> far >> tidy.as_teardown()
    context = make_context(gate)

    assert gate.execute(context) == value
    assert context["ti"].skip_decision == wanted


def test_a_short_circuit_with_nothing_after_it_decides_nothing(dag, make_context):
    gate = ShortCircuitOperator(task_id="gate", python_callable=lambda: False)
    context = make_context(gate)
    gate.execute(context)

    assert context["ti"].skip_decision is None
