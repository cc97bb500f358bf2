"""Sensors that wait for tasks, groups and runs of another DAG, in its runs of the same dates."""

from __future__ import annotations

import pytest

from airflow_lite import DAG, AirflowException, ExternalTaskMarker, ExternalTaskSensor

UP = """
from datetime import datetime
from airflow_lite import DAG, AirflowSkipException, EmptyOperator, TaskGroup, task

with DAG("up", schedule=None, start_date=datetime(2024, 1, 1)):
    EmptyOperator(task_id="good")

    @task
    def bad():
        raise ValueError

    @task
    def skipped():
        raise AirflowSkipException

    @task
    def mapped(number):
        if number > 2:
            raise ValueError

    bad()
    skipped()
    mapped.expand(number=[1, 2, 3])
    with TaskGroup("group"):
        EmptyOperator(task_id="one") >> EmptyOperator(task_id="two")
    with TaskGroup("bare", prefix_group_id=False):
        EmptyOperator(task_id="three")
        with TaskGroup("inner"):
            EmptyOperator(task_id="four")
    bad.override(task_id="bare.not_in_it")()
"""
DOWN = """
from datetime import datetime, timedelta
from airflow_lite import DAG, ExternalTaskSensor

with DAG("{dag_id}", schedule=None, start_date=datetime(2024, 1, 1)):
    usual = {{"external_dag_id": "up", "poke_interval": 0.1, "timeout": 1}}
    {sensors}
"""
#: Arguments of a sensor -> how it ends, and what its log says.
CASES = {
    'external_task_id="good"': ("success", "Success criteria met"),
    'external_task_ids=["good", "group.one"]': ("success", "Success criteria met"),
    'external_task_group_id="group"': ("success", "Success criteria met"),
    'external_task_group_id="bare", check_existence=True, failed_states=["failed"]': (
        "success",
        "Success criteria met",
    ),
    'external_task_id="bad"': ("failed", "Sensor has timed out"),
    'external_task_id="bad", failed_states=["failed"]': ("failed", "bad of DAG up failed"),
    'external_task_id="bad", failed_states=["failed"], soft_fail=True': (
        "skipped",
        "bad of DAG up failed",
    ),
    'external_task_id="skipped", skipped_states=["skipped"]': (
        "skipped",
        "skipped of DAG up is to be skipped",
    ),
    'external_task_id="mapped", failed_states=["failed"]': ("failed", "mapped of DAG up failed"),
    'external_task_id="mapped", allowed_states=["success", "failed"]': (
        "success",
        "Success criteria met",
    ),
    'failed_states=["failed"]': ("failed", "the run of DAG up failed"),
    'allowed_states=["failed"]': ("success", "Success criteria met"),
    'external_task_id="none", check_existence=True': (
        "failed",
        "The external task none in DAG up does not exist.",
    ),
    'external_task_group_id="none", check_existence=True': (
        "failed",
        "The external task group 'none' in DAG 'up' does not exist.",
    ),
    'external_task_id="none"': ("failed", "Sensor has timed out"),
    'external_task_id="good", deferrable=True': ("success", "Success criteria met"),
    'external_task_id="bad", deferrable=True': ("failed", "Trigger/execution timeout"),
}
OTHER_DATES = (
    "execution_delta=timedelta(days=2)",
    "execution_date_fn=lambda date: date - timedelta(days=2)",
    "execution_date_fn=lambda date, ds_nodash, context: [date - timedelta(days=2)]",
)


def write(home, dag_id, arguments):
    """Write a DAG with a sensor for each of these arguments."""
    lines = [
        f'ExternalTaskSensor(task_id="t{number}", **usual, {text})'
        for number, text in enumerate(arguments)
    ]
    home.dag(dag_id, DOWN.format(dag_id=dag_id, sensors="\n    ".join(lines)))


def states(home, dag_id, run):
    rows = home.json("tasks", "states-for-dag-run", dag_id, run)
    return {row["task_id"]: row["state"] for row in rows}


def test_it_waits_for_what_is_in_the_run_of_its_date_on_a_host_and_in_a_test(home):
    home.dag("up", UP)
    write(home, "down", CASES)
    write(home, "later", [f'external_task_id="good", {text}' for text in OTHER_DATES])
    with home.scheduler():
        home.run("dags", "trigger", "up", "-e", "2024-06-01", "--wait", exit_code=1)
        home.run("dags", "trigger", "down", "-r", "r", "-e", "2024-06-01", "--wait", exit_code=1)
        home.run("dags", "trigger", "later", "-e", "2024-06-03", "--wait")
    home.run("dags", "test", "down", "2024-06-01", exit_code=1)

    for run, folder in (("r", "r"), ("2024-06-01", "manual__*__test")):
        found = states(home, "down", run)
        for number, (arguments, (state, said)) in enumerate(CASES.items()):
            name = f"run_id={folder}/task_id=t{number}/attempt=1.log"
            (path,) = home.folder.glob(f"logs/dag_id=down/{name}")
            assert said in path.read_text(), arguments
            assert found[f"t{number}"] == state, arguments


def test_runs_of_dags_test_count_for_nothing(home):
    home.dag("up", UP)
    write(home, "down", ['external_task_id="good"'])
    home.run("dags", "test", "up", "2024-06-01", exit_code=1)
    home.run("dags", "test", "down", "2024-06-01", exit_code=1)

    assert states(home, "down", "2024-06-01") == {"t0": "failed"}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"external_task_id": "a", "external_task_group_id": "b"},
            ValueError,
            "external_task_id and external_task_group_id exclude each other",
        ),
        ({"allowed_states": ["bogus"]}, ValueError, "bogus is no state of a run"),
        (
            {"external_task_id": "a", "allowed_states": ["bogus"]},
            ValueError,
            "bogus is no state of a task",
        ),
        (
            {"allowed_states": ["failed"], "failed_states": ["failed"]},
            AirflowException,
            "A state is in two of",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments, error, message):
    with DAG("d", schedule=None), pytest.raises(error, match=message):
        ExternalTaskSensor(task_id="t", external_dag_id="up", **arguments)


def test_a_marker_does_nothing_and_says_what_clearing_it_does_not():
    with DAG("d", schedule=None):
        marker = ExternalTaskMarker(task_id="t", external_dag_id="up", external_task_id="a")
    assert marker.notices == ["clearing an ExternalTaskMarker clears nothing of the other DAG."]


def test_one_that_is_deferred_goes_on_when_the_other_dag_has_come_so_far(home, wait_until):
    home.dag("up", UP)
    sensor = 'ExternalTaskSensor(task_id="t0", external_dag_id="up", external_task_id="good",'
    sensor += " deferrable=True, poll_interval=0.1)"
    home.dag("down", DOWN.format(dag_id="down", sensors=sensor))
    with home.scheduler():
        home.run("dags", "trigger", "down", "-r", "r", "-e", "2024-06-01")
        wait_until(lambda: home.states("down", "r") == {"t0": "deferred"}, "it to be deferred")
        home.run("dags", "trigger", "up", "-e", "2024-06-01")
        wait_until(lambda: home.states("down", "r") == {"t0": "success"}, "it to end")
