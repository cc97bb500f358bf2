"""What default_args bring to a DAG and its tasks is what they bring in Airflow 2.10.5."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from airflow_lite import DAG, EmptyOperator, TaskGroup, teardown
from airflow_lite.clock import iso
from airflow_lite.parsing.serialize import dag_spec
from airflow_lite.spec.timetable import following_run
from fixtures.goldens import read_golden

GOLDEN = read_golden("authors")
START = datetime(2024, 1, 1)


def read_dates(value):
    """Make datetimes of what is written in the golden: text that begins with "@"."""
    if isinstance(value, dict):
        return {name: read_dates(item) for name, item in value.items()}
    if isinstance(value, list):
        return [read_dates(item) for item in value]
    is_date = isinstance(value, str) and value.startswith("@")
    return datetime.fromisoformat(value[1:].replace("+", "T00:00:00+")) if is_date else value


@pytest.mark.parametrize("name", GOLDEN["dates asked"])
def test_the_first_and_the_last_run_are_those_that_airflow_makes(name):
    arguments = read_dates(GOLDEN["dates asked"][name])
    tasks, group = arguments.pop("tasks", [{}]), arguments.pop("group", None)
    with DAG("dates", schedule="@daily", **arguments) as dag:
        for number, options in enumerate(tasks):
            EmptyOperator(task_id=f"t{number}", **options)
        if group:
            with TaskGroup("group", default_args=group):
                EmptyOperator(task_id="t")
    spec = dag_spec(dag)

    assert [iso(spec.start_date_us), iso(spec.end_date_us)] == GOLDEN["run_dates"][name]


def test_no_run_comes_after_the_end_that_default_args_give_to_every_task():
    dates = {"start_date": START, "end_date": START + timedelta(days=2)}
    with DAG("d", schedule="@daily", catchup=True, default_args=dates) as dag:
        EmptyOperator(task_id="t")
    spec, runs = dag_spec(dag), []
    last = following_run(spec, None, 2**50)
    while last is not None:
        runs.append(iso(last.logical_us))
        last = following_run(spec, last.interval_end_us, 2**50)

    assert runs == [f"2024-01-0{day}T00:00:00+00:00" for day in (1, 2, 3)]


def test_params_of_default_args_come_before_those_of_the_dag():
    own, shared = {"a": 1, "b": 2}, {"b": 3, "c": 4}
    dag = DAG("d", schedule=None, params=own, default_args={"params": shared})

    assert dict(dag.params) == GOLDEN["default_args"]["params"]


def test_params_of_a_tasks_own_default_args_come_before_its_own():
    own, shared = {"a": 1, "b": 2}, {"b": 3, "c": 4}
    with DAG("d", schedule=None):
        task = EmptyOperator(task_id="t", params=own, default_args={"params": shared})

    assert dict(task.params) == GOLDEN["default_args"]["params of a task"]


def test_a_teardown_has_the_rule_of_teardowns_whatever_default_args_say():
    with DAG("d", schedule=None, start_date=START, default_args={"trigger_rule": "all_done"}):
        by_default = EmptyOperator(task_id="a").as_teardown()
        by_itself = EmptyOperator(task_id="b", trigger_rule="one_failed").as_teardown()
        by_decorator = teardown(print)().operator

    rules = [made.trigger_rule.value for made in (by_default, by_itself, by_decorator)]
    assert rules == GOLDEN["default_args"]["trigger rules of teardowns"]
