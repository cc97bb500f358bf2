"""What Airflow 2.10.5 refuses of an author is refused here, in one line that says where and why."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from airflow_lite import (
    DAG,
    AirflowException,
    BashOperator,
    EmptyOperator,
    PythonOperator,
    PythonSensor,
    TaskGroup,
    task,
    teardown,
)
from airflow_lite.parsing.serialize import dag_spec

MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


class Forgetful(EmptyOperator):
    def __init__(self):
        self.done = True


def make_dag(dag_id, **options):
    return DAG(dag_id, **{"start_date": MOMENT, "schedule": None, **options})


def empty(**options):
    return lambda dag: EmptyOperator(**{"task_id": "t", "dag": dag, **options})


def edges(*pairs):
    def build(dag):
        for before, after in pairs:
            for name in (before, after):
                if not dag.has_task(name):
                    EmptyOperator(task_id=name, dag=dag)
            dag.get_task(before) >> dag.get_task(after)

    return build


def two_dags(dag):
    EmptyOperator(task_id="p", dag=dag) >> EmptyOperator(task_id="q", dag=make_dag("other"))


def grouped(*ids, **options):
    def build(dag):
        with dag:
            for group_id in ids:
                TaskGroup(group_id, **options)

    return build


#: Airflow's name of the case (see tests/golden/semantics.json): what we do, and what we say.
CASES = {
    "unknown argument": (
        empty(no_such=1),
        r"Invalid arguments were passed to EmptyOperator \(task_id: t\)\. "
        r"Invalid arguments were: no_such=1",
    ),
    "missing argument": (
        lambda dag: BashOperator(task_id="b", dag=dag),  # type: ignore[call-arg]
        r"BashOperator \(task_id: b\): missing keyword argument 'bash_command'\.",
    ),
    "missing task_id": (
        lambda dag: EmptyOperator(dag=dag),
        "EmptyOperator: missing keyword argument 'task_id'.",
    ),
    "positional argument": (
        lambda dag: BashOperator("c", "true"),  # type: ignore[call-arg, arg-type]
        "Use keyword arguments to make a BashOperator.",
    ),
    "empty task_id": (empty(task_id=""), "task id is empty"),
    "task_id with a slash": (empty(task_id="a/b"), "task id 'a/b' is not allowed"),
    "task_id with a space": (empty(task_id="a b"), "task id 'a b' is not allowed"),
    "task_id of 251 characters": (empty(task_id="a" * 251), "has 251 characters. Use at most 250"),
    "task_id not a string": (empty(task_id=5), "task id 5 is not a string"),
    "dag_id with a space": (lambda _: make_dag("a b"), "DAG id 'a b' is not allowed"),
    "dag_id with a slash": (lambda _: make_dag("a/b"), "DAG id 'a/b' is not allowed"),
    "empty dag_id": (lambda _: make_dag(""), "DAG id is empty"),
    "duplicate task_id": (
        lambda dag: [EmptyOperator(task_id="same", dag=dag) for _ in range(2)],
        "Task id 'same' has already been added to the DAG",
    ),
    "trigger_rule": (
        empty(trigger_rule="nope"),
        "Task d.t: trigger_rule='nope' is of type str; it must be one of all_success, all_failed",
    ),
    "weight_rule": (
        empty(weight_rule="nope"),
        "Task d.t: weight_rule='nope' is of type str; it must be one of downstream, upstream, absolute",
    ),
    "retries='x'": (
        empty(retries="x"),
        "Task d.t: retries='x' is of type str; it must be a whole number",
    ),
    "retry_delay='x'": (
        empty(retry_delay="x"),
        "Task d.t: retry_delay='x' is of type str; it must be a timedelta or a number of seconds",
    ),
    "pool_slots=0": (
        empty(pool_slots=0),
        "Task d.t: pool_slots=0 is of type int; it must be a whole number of at least 1",
    ),
    "priority_weight='x'": (
        empty(priority_weight="x"),
        "Task d.t: priority_weight='x' is of type str; it must be a whole number",
    ),
    "python_callable=5": (
        lambda dag: PythonOperator(task_id="t", dag=dag, python_callable=5),  # type: ignore[arg-type]
        "Task d.t: python_callable=5 is of type int; it must be callable",
    ),
    "max_active_runs='x'": (
        lambda _: make_dag("d1", max_active_runs="x"),
        "DAG d1: max_active_runs='x' is of type str; it must be a whole number",
    ),
    "default_args=5": (
        lambda _: make_dag("d2", default_args=5),
        "DAG d2: default_args=5 is of type int; it must be a dict",
    ),
    "schedule and schedule_interval": (
        lambda _: DAG("d3", start_date=MOMENT, schedule="@daily", schedule_interval="@hourly"),
        "DAG d3: schedule and schedule_interval mean the same",
    ),
    "unknown DAG argument": (
        lambda _: make_dag("d4", no_such=1),
        "unexpected keyword argument 'no_such'",
    ),
    "schedule without start_date": (
        lambda _: [
            dag := DAG("d5", schedule="@daily"),
            EmptyOperator(task_id="t", dag=dag),
            dag_spec(dag),
        ],
        "DAG d5 is missing the start_date parameter",
    ),
    "fail_stop and trigger_rule": (
        lambda _: [
            dag := make_dag("d6", fail_stop=True),
            EmptyOperator(task_id="o", dag=dag, trigger_rule="all_done"),
            dag_spec(dag),
        ],
        "DAG d6: task 'o' has trigger_rule 'all_done', but a 'fail-stop' DAG can only have all_success",
    ),
    "cycle": (
        edges(("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")),
        r"Cycle detected in DAG: d\. Take out one of the edges a >> b >> c >> a\.",
    ),
    "self loop": (edges(("a", "a")), "Cycle detected in DAG: d. Take out one of the edges a >> a"),
    "tasks of two DAGs": (
        two_dags,
        "Tried to set a relationship between tasks of more than one DAG",
    ),
    "@task on a number": (lambda _: task(5), "@task is for functions; got 5"),  # type: ignore[call-overload]
    "two groups of one id": (
        grouped("same", "same"),
        "group_id 'same' has already been added to the DAG",
    ),
    "group_id with a dot": (grouped("a.b"), "group id 'a.b' is not allowed"),
    "group_id with a space": (grouped("a b"), "group id 'a b' is not allowed"),
    "empty group_id": (grouped(""), "group id is empty"),
    "task of a group's id": (
        lambda dag: [grouped("same")(dag), EmptyOperator(task_id="same", dag=dag)],
        "Task id 'same' has already been added to the DAG",
    ),
}
#: What Airflow refuses or reads otherwise, and we do not: the reason.
OTHERWISE = {
    "execution_timeout=5": "a number of seconds, as everywhere else",
    "retries=1.5": "a half try is a mistake, not one try",
    "retries=None": "the setting holds",
}
#: Not in Airflow's table.
OWN_CASES = {
    "start_date": (
        empty(start_date="soon"),
        "Task d.t: start_date='soon' is of type str; it must be a datetime",
    ),
    "callback": (
        empty(on_failure_callback="x"),
        "Task d.t: on_failure_callback='x' is of type str; it must be a callable or a list of callables",
    ),
    "retries=True": (empty(retries=True), "Task d.t: retries=True is of type bool"),
    "retries=-1": (
        empty(retries=-1),
        "retries=-1 is of type int; it must be a whole number of at least 0",
    ),
    "retries=10**20": (
        empty(retries=10**20),
        "retries=100000000000000000000 is of type int;"
        " it must be a whole number of at most 2147483647",
    ),
    "teardown of a teardown": (
        lambda dag: EmptyOperator(task_id="b", dag=dag).as_teardown(
            setups=EmptyOperator(task_id="a", dag=dag).as_teardown()
        ),
        "Task 'a' is a teardown and cannot be a setup",
    ),
    "no super().__init__": (
        lambda _: Forgetful(),
        r"Forgetful.__init__ does not call super\(\).__init__\(\*\*kwargs\)",
    ),
    "owner=None": (
        empty(owner=None),
        "Task d.t: owner=None is of type NoneType; it must be a string",
    ),
    "pool_slots=None": (
        empty(pool_slots=None),
        "pool_slots=None is of type NoneType; it must be a whole number",
    ),
    "priority_weight=None": (
        empty(priority_weight=None),
        "priority_weight=None is of type NoneType; it must be a whole number",
    ),
    "trigger_rule=None": (
        empty(trigger_rule=None),
        "trigger_rule=None is of type NoneType; it must be one of all_success",
    ),
    "default_args of None": (
        lambda _: EmptyOperator(task_id="t", dag=make_dag("d", default_args={"owner": None})),
        "Task d.t: owner=None is of type NoneType",
    ),
    "pool_slots=10**20": (
        empty(pool_slots=10**20),
        "it must be a whole number of at most 2147483647",
    ),
    "retries=1.5": (empty(retries=1.5), "retries=1.5 is of type float; it must be a whole number"),
    "retry_delay=-1": (empty(retry_delay=-1), "retry_delay=-1 is of type int"),
    "pool": (empty(pool=3), "Task d.t: pool=3 is of type int; it must be a string"),
    "depends_on_past": (
        empty(depends_on_past="no"),
        "depends_on_past='no' is of type str; it must be True or False",
    ),
    "params": (
        empty(params=[1]),
        r"params=\[1\] is of type list; it must be a dict of values or Params",
    ),
    "bash_command": (
        lambda dag: BashOperator(task_id="t", dag=dag, bash_command=["true"]),  # type: ignore[arg-type]
        r"Task d.t: bash_command=\['true'\] is of type list; it must be a string",
    ),
    "output_encoding": (
        lambda dag: BashOperator(task_id="t", dag=dag, bash_command="", output_encoding="utf-99"),
        "output_encoding='utf-99' is of type str; it must be the name of an encoding",
    ),
    "op_args": (
        lambda dag: PythonOperator(task_id="t", dag=dag, python_callable=print, op_args="abc"),
        "Task d.t: op_args='abc' is of type str; it must be a list",
    ),
    "op_kwargs": (
        lambda dag: PythonOperator(task_id="t", dag=dag, python_callable=print, op_kwargs=[1]),  # type: ignore[arg-type]
        "op_kwargs=.1. is of type list; it must be a dict with strings as keys",
    ),
    "sensor mode": (
        lambda dag: PythonSensor(task_id="t", dag=dag, python_callable=bool, mode="other"),
        "Task d.t: mode='other' is of type str; it must be 'poke' or 'reschedule'",
    ),
    "poke_interval": (
        lambda dag: PythonSensor(task_id="t", dag=dag, python_callable=bool, poke_interval=-1),
        "poke_interval=-1 is of type int; it must be a timedelta or a number of seconds, not negative",
    ),
    "soft_fail and never_fail": (
        lambda dag: PythonSensor(
            task_id="t", dag=dag, python_callable=bool, soft_fail=True, never_fail=True
        ),
        "soft_fail, silent_fail and never_fail exclude each other",
    ),
    "executor_config": (
        lambda dag: [
            EmptyOperator(task_id="t", dag=dag, executor_config={"pod": object()}),
            dag_spec(dag),
        ],
        "Task d.t: executor_config cannot be written as JSON",
    ),
    "no schedule": (
        lambda _: make_dag("d", schedule="@dayly"),
        "DAG d: schedule '@dayly' is not a preset",
    ),
    "custom schedule": (lambda _: make_dag("d", schedule=object()), "DAG d: schedule"),
    "tags": (
        lambda _: make_dag("d", tags="one"),
        "DAG d: tags='one' is of type str; it must be a list of strings",
    ),
    "continuous": (
        lambda _: make_dag("d", schedule="@continuous"),
        "DAG d: with schedule '@continuous', max_active_runs must be 1 or 0",
    ),
    "edge to text": (
        lambda dag: empty()(dag) >> "x",
        "can only be set between operators; received str",
    ),
    "teardown rule": (
        lambda dag: teardown(task(trigger_rule="all_done", task_id="t", dag=dag)(print))(),
        "Teardown task 't' cannot have a trigger_rule of its own",
    ),
    "group outside": (lambda _: TaskGroup("g"), "TaskGroup 'g' can only be used inside a DAG"),
    "twice decorated": (lambda _: task(task(print)), "'print' is decorated with @task twice"),
}


def refused(case):
    build, message = case
    dag = make_dag("d")
    with pytest.raises((AirflowException, TypeError, ValueError)) as caught:
        build(dag)
        dag_spec(dag)
    text = str(caught.value)
    assert "\n" not in text
    assert re.search(message, text), text


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_refused_in_one_line(name):
    refused(CASES[name])


@pytest.mark.parametrize("name", OWN_CASES)
def test_a_mistake_that_airflow_tells_late_is_refused_in_one_line(name):
    refused(OWN_CASES[name])


def test_every_mistake_that_airflow_refuses_is_in_the_table(golden):
    answers = golden("semantics")["refusals"] | {
        name: text
        for name, text in golden("semantics")["groups"].items()
        if isinstance(text, str) and ": " in text
    }
    refusals = {name for name, text in answers.items() if not text.startswith("accepted")}

    assert refusals - OTHERWISE.keys() == CASES.keys()


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"retries": "2"}, "retries", 2),
        ({"retries": None}, "retries", 0),
        ({"retry_delay": 5}, "retry_delay", timedelta(seconds=5)),
        ({"execution_timeout": 5}, "execution_timeout", timedelta(seconds=5)),
        ({"start_date": "2024-01-01"}, "start_date", MOMENT),
        ({"task_id": "작업"}, "task_id", "작업"),
        ({"trigger_rule": "all_done"}, "trigger_rule", "all_done"),
        ({"on_success_callback": print}, "on_success_callback", [print]),
        ({"task_concurrency": 3}, "max_active_tis_per_dag", 3),
    ],
)
def test_what_airflow_accepts_is_accepted(options, name, value):
    assert getattr(empty(**options)(make_dag("d")), name) == value


def test_wait_for_downstream_means_depends_on_past():
    dag = make_dag("d")
    empty(wait_for_downstream=True)(dag)

    assert dag_spec(dag).tasks["t"].depends_on_past


def test_the_task_past_the_limit_is_refused_when_it_is_made(monkeypatch):
    monkeypatch.setenv("AIRFLOW_LITE__CORE__MAX_DAG_TASKS", "2")
    dag = make_dag("d")
    empty(task_id="a")(dag)
    empty(task_id="b")(dag)

    with pytest.raises(AirflowException, match=r"DAG d has more than 2 tasks\. Split it, or raise"):
        empty(task_id="c")(dag)
