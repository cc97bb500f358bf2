"""What is said of a DAG file that maps what cannot be mapped, and what others mean in the DAG."""

from __future__ import annotations

import re
import warnings

import pytest

from airflow_lite import DAG, BashOperator, TaskGroup, task, task_group
from airflow_lite.errors import AirflowDagException, AirflowException
from airflow_lite.parsing.serialize import dag_spec
from fixtures.goldens import read_golden

GOLDEN = read_golden("mapping")["refusals"]


@task
def function(x, y=0):
    return x


@task
def numbers():
    return [1, 2]


@task_group
def group(x, y=0):
    function(x)


@task_group
def starred(**kwargs):
    function(1)


def mapped_inside():
    @task_group
    def outer(x):
        function.expand(x=[x, x])

    return outer.expand(x=[1])


CASES = {
    "expand()": function.expand,
    "expand(x=5)": lambda: function.expand(x=5),
    "expand(x='text')": lambda: function.expand(x="text"),
    "expand(z=[])": lambda: function.expand(z=[1]),
    "expand(z=[], w=[])": lambda: function.expand(z=[1], w=[2]),
    "partial(z=1)": lambda: function.partial(z=1),
    "partial(x=1).expand(x=[])": lambda: function.partial(x=1).expand(x=[1]),
    "partial(x=1).partial(x=1)": lambda: function.partial(x=1).partial(x=1),
    "expand_kwargs(5)": lambda: function.expand_kwargs(5),
    "expand_kwargs([5])": lambda: function.expand_kwargs([5]),
    "expand over a key": lambda: function.expand(x=function(1)["k"]),
    "map of a key": lambda: function(1)["k"].map(str),
    "zip of a key": lambda: function(1)["k"].zip(function(2)),
    "concat of a key": lambda: function(1)["k"].concat(function(2)),
    "map(@task)": lambda: function(1).map(function),
    "always over a result": lambda: function.override(trigger_rule="always").expand(x=function(1)),
    "partial().expand()": lambda: BashOperator.partial(task_id="a").expand(),
    "partial(retries).expand(retries)": lambda: BashOperator.partial(
        task_id="a", bash_command="a"
    ).expand(retries=[1]),
    "partial(bash_command).expand(bash_command)": lambda: BashOperator.partial(
        task_id="a", bash_command="a"
    ).expand(bash_command=["b"]),
    "partial(unknown)": lambda: BashOperator.partial(task_id="a", unknown=1),
    "expand(unknown)": lambda: BashOperator.partial(task_id="a").expand(unknown=[1]),
    "expand(bash_command='text')": lambda: BashOperator.partial(task_id="a").expand(
        bash_command="text"
    ),
    "partial() of a task": lambda: BashOperator(task_id="a", bash_command="a").partial(),
    "partial without task_id": lambda: BashOperator.partial(bash_command="a"),
    "group.expand()": group.expand,
    "group.expand(x=5)": lambda: group.expand(x=5),
    "group.expand(z=[])": lambda: group.expand(z=[1]),
    "group.partial(x=1).expand(x=[])": lambda: group.partial(x=1).expand(x=[1]),
    "group.expand_kwargs(5)": lambda: group.expand_kwargs(5),
    "group(**kwargs).expand_kwargs": lambda: starred.expand_kwargs([{"a": 1}]),
    "a mapped task in a mapped group": mapped_inside,
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:Task 'a' was never mapped")
def test_what_airflow_refuses_is_refused_in_its_words(fresh_home, case):
    wanted = GOLDEN[case]
    with DAG("d", schedule=None):
        try:
            CASES[case]()
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        else:
            found = "accepted"
    assert plain(found) == plain(wanted)


@task_group
def pairs(x, y):
    function.override(task_id="pair")(x, y)


NESTED = {
    "2 in 2": lambda x: pairs.partial(x=x).expand(y=["a", "b"]),
    "3 in 2": lambda x: pairs.partial(x=x).expand(y=["a", "b", "c"]),
    "4 in 2": lambda x: pairs.partial(x=x).expand(y=["a", "b", "c", "d"]),
    "expand_kwargs": lambda x: pairs.expand_kwargs([{"x": 1, "y": "a"}]),
    "over what the outer group was given": lambda x: pairs.partial(x=1).expand(y=x),
    "over a result inside the outer group": lambda x: pairs.partial(x=1).expand(y=function(x)),
}


@pytest.mark.parametrize("shape", NESTED)
def test_a_mapped_group_in_a_mapped_group_is_refused_before_it_could_run(fresh_home, shape):
    @task_group
    def outer(x):
        with pytest.raises(AirflowDagException) as refused:
            NESTED[shape](x)
        assert str(refused.value) == (
            "Task group 'outer.pairs' is mapped inside a mapped task group, which is not"
            " supported. Map the outer group over all values."
        )

    with DAG("d", schedule=None):
        outer.expand(x=[1, 2])


def test_airflow_takes_one_and_gives_it_other_pairs_than_each_with_each():
    """Why it is refused here: nobody could want what 2.10.5 makes of it."""
    golden = read_golden("mapping")["nested"]
    assert golden.keys() == NESTED.keys()
    values = {
        shape: [row[2] for name, row in end.items() if "pair[" in name]
        for shape, end in golden.items()
        if isinstance(end, dict)
    }
    assert values["2 in 2"] == [[1, "a"], [2, "b"]] * 2
    assert values["4 in 2"] == [[1, "a"], [2, "b"], [1, "c"], [2, "d"]] * 2
    assert sorted(values["3 in 2"]) == [[x, y] for x in (1, 2) for y in "abc"]  # as it happens
    assert golden["expand_kwargs"]["dag_run"] == "failed"
    assert golden["over what the outer group was given"].startswith("NotImplementedError")
    assert golden["over a result inside the outer group"]["dag_run"] == "failed"


def plain(text):
    """Leave out quotes, and how a task is shown."""
    return re.sub(r"<Task\(.*?\)", "<Task(", text).replace("'", "")


def test_a_task_of_a_mapped_group_cannot_always_run(fresh_home):
    @task_group
    def outer(x):
        function.override(trigger_rule="always")(x)

    with DAG("d", schedule=None), pytest.raises(ValueError, match="not allowed with trigger rule"):
        outer.expand(x=[1])


def test_a_partial_that_is_never_expanded_is_told_of(fresh_home):
    with DAG("d", schedule=None), pytest.warns(UserWarning, match="Task 'a' was never mapped"):
        BashOperator.partial(task_id="a")
    with warnings.catch_warnings(), DAG("e", schedule=None):
        warnings.simplefilter("error")
        BashOperator.partial(task_id="a").expand(bash_command=["b"])


def test_a_mapped_task_has_no_sla(fresh_home):
    from datetime import timedelta

    with DAG("d", schedule=None), pytest.raises(AirflowException, match="SLAs are unsupported"):
        BashOperator.partial(task_id="a", sla=timedelta(1)).expand(bash_command=["b"])


def spec_of(make):
    with DAG("d", schedule=None) as dag:
        make()
    return dag_spec(dag).tasks


def test_how_many_there_are_is_data_of_the_dag(fresh_home):
    def make():
        one, two = numbers(), numbers.override(task_id="two")()
        function.override(task_id="literal").expand(x=[1, 2, 3])
        function.override(task_id="result").expand(x=one)
        function.override(task_id="product").expand(x=one, y=["a"])
        function.override(task_id="shortest").expand(x=one.zip(two.map(str)))
        function.override(task_id="longest").expand(x=one.zip(two, fillvalue=0))
        function.override(task_id="sum").expand(x=one.concat(two).map(str))
        function.override(task_id="kwargs").expand_kwargs([{"x": 1}])
        function.override(task_id="plain")(1)

    found = {name: item.expansion for name, item in spec_of(make).items()}
    one, two = ["result", "numbers"], ["result", "two"]
    assert found == {
        "numbers": None,
        "two": None,
        "plain": None,
        "literal": ["literal", 3],
        "result": one,
        "product": ["product", one, ["literal", 1]],
        "shortest": ["shortest", one, two],
        "longest": ["longest", one, two],
        "sum": ["sum", one, two],
        "kwargs": ["literal", 1],
    }


def test_a_mapped_task_comes_after_what_it_is_mapped_over_and_what_it_is_given(fresh_home):
    def make():
        given = numbers.override(task_id="given")()
        nested = numbers.override(task_id="nested")()
        function.partial(y=given).expand(x=[nested, 1])
        BashOperator.partial(task_id="bash", env=given).expand(bash_command=numbers())

    tasks = spec_of(make)
    assert tasks["function"].upstream == ("given", "nested")
    assert tasks["function"].mapped_over == ("nested",)
    assert tasks["bash"].upstream == ("given", "numbers")
    assert tasks["bash"].mapped_over == ("numbers",)
    assert tasks["bash"].operator == "BashOperator"


def test_in_a_mapped_group_tasks_go_by_pairs_of_the_same_index(fresh_home):
    def make():
        outside = numbers.override(task_id="outside")()

        @task_group
        def pairs(x):
            first = function.override(task_id="first")(x)
            second = function.override(task_id="second")(first, outside)
            function.override(task_id="any", trigger_rule="one_success")(first)
            with TaskGroup("inner"):
                function.override(task_id="any", trigger_rule="one_success")(first)
            return second

        function.override(task_id="after")(pairs.expand(x=numbers()))

    tasks = spec_of(make)
    found = {name: tasks[name].pairwise for name in tasks}
    assert found == {
        "outside": (),
        "numbers": (),
        "pairs.first": (),
        "pairs.second": ("pairs.first",),
        "pairs.any": (),  # as in Airflow 2.10: any of all
        "pairs.inner.any": ("pairs.first",),
        "after": (),
    }
    assert tasks["pairs.first"].upstream == ("numbers",)
    assert tasks["pairs.second"].expansion == ["result", "numbers"]
    assert not tasks["after"].is_mapped


def test_a_mapped_task_has_the_settings_of_its_dag_and_group(fresh_home):
    dag = DAG("d", schedule=None, default_args={"retries": 3, "pool": "a"})
    with dag, TaskGroup("g", default_args={"pool": "b"}):
        BashOperator.partial(task_id="t", priority_weight=5).expand(bash_command=["a"])
    found = dag_spec(dag).tasks["g.t"]
    assert (found.retries, found.pool, found.priority_weight) == (3, "b", 5)
