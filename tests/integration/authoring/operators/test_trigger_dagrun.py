"""A task that makes a run of another DAG: which run, what if there is one, and how it waits."""

from __future__ import annotations

import pytest

from airflow_lite import DAG, TriggerDagRunOperator

OTHER = """
from datetime import datetime
from airflow_lite import DAG, Param, task

with DAG("other", schedule=None, start_date=datetime(2024, 1, 1), params={"n": Param(1, type="integer")}):

    @task
    def it(params, dag_run):
        if params["n"] < 0:
            raise ValueError
        return [params["n"], dag_run.conf.get("of")]

    it()
"""
STARTER = """
from datetime import datetime
from airflow_lite import DAG, TriggerDagRunOperator

with DAG("starter", schedule=None, start_date=datetime(2024, 1, 1)):
    usual = {{"trigger_dag_id": "other", "poke_interval": 0.1}}
    before = []
    for number, arguments in enumerate([{cases}]):
        task = TriggerDagRunOperator(task_id=f"t{{number}}", trigger_rule="all_done", **{{**usual, **arguments}})
        before >> task
        before = [task]
"""
#: Arguments of the tasks, one after the other -> how each ends, and what its log says.
CASES = {
    'dict(conf={"n": 2, "of": "{{ run_id }}"}, wait_for_completion=True)': (
        "success",
        "other finished with allowed state success",
    ),
    'dict(trigger_run_id="two", wait_for_completion=True, deferrable=True)': (
        "success",
        "other finished with allowed state success",
    ),
    'dict(trigger_run_id="two")': ("failed", "There is run two of DAG other already."),
    'dict(trigger_run_id="two", skip_when_already_exists=True)': (
        "skipped",
        "There is run two of DAG other already.",
    ),
    'dict(trigger_run_id="two", reset_dag_run=True, wait_for_completion=True)': (
        "success",
        "Cleared run two of DAG other",
    ),
    'dict(conf={"n": -1}, wait_for_completion=True)': (
        "failed",
        "other failed with failed states failed",
    ),
    'dict(conf={"n": -1}, wait_for_completion=True, deferrable=True)': (
        "failed",
        "other failed with failed states failed",
    ),
    'dict(conf={"n": -1}, wait_for_completion=True, allowed_states=["failed"], failed_states=[])': (
        "success",
        "other finished with allowed state failed",
    ),
    'dict(conf=\'{"n": "{{ 1 }}"}\')': ("failed", "Invalid input for param 'n': '1'"),
    'dict(trigger_dag_id="none")': ("failed", "There is no DAG 'none'"),
    'dict(logical_date="{{ logical_date }}", wait_for_completion=True)': ("success", "finished"),
    'dict(logical_date="2024-06-01", skip_when_already_exists=True)': (
        "skipped",
        "There is run manual__2024-06-01T00:00:00+00:00 of DAG other already.",
    ),
    'dict(conf={"n": object})': ("failed", "conf parameter should be JSON Serializable"),
    'dict(trigger_run_id="{{ 3 * 7 }}")': ("success", "Triggered run 21 of DAG other"),
}


def test_a_run_is_made_found_or_cleared_and_waited_for(home):
    home.dag("other", OTHER)
    home.dag("starter", STARTER.format(cases=", ".join(CASES)))
    with home.scheduler():
        home.run("dags", "trigger", "starter", "-r", "r", "-e", "2024-06-01", "--wait")
        home.run("dags", "trigger", "other", "-r", "last", "--wait")

    rows = home.json("tasks", "states-for-dag-run", "starter", "r")
    found = {row["task_id"]: row["state"] for row in rows}
    for number, (arguments, (state, said)) in enumerate(CASES.items()):
        name = f"logs/dag_id=starter/run_id=r/task_id=t{number}/attempt=1.log"
        assert said in (home.folder / name).read_text(), arguments
        assert found[f"t{number}"] == state, arguments
    runs = {row["run_id"]: row for row in home.json("dags", "list-runs", "-d", "other")}
    assert {"two", "21", "last", "manual__2024-06-01T00:00:00+00:00"} < set(runs)
    assert len(runs) == 8


def state(home, task_id):
    return home.states("starter", "r")[task_id]


def test_a_try_that_is_deferred_makes_one_run_and_ends_as_that_does(home, wait_until):
    home.dag("other", OTHER)
    home.dag(
        "starter",
        STARTER.format(cases="dict(wait_for_completion=True, deferrable=True, poke_interval=0.1)"),
    )
    with home.scheduler():
        home.run("dags", "pause", "other", "-y")
        home.run("dags", "trigger", "starter", "-r", "r")
        wait_until(lambda: state(home, "t0") == "deferred", "the wait")
        home.run("dags", "unpause", "other", "-y")
        wait_until(lambda: state(home, "t0") == "success", "the end")

    assert len(home.json("dags", "list-runs", "-d", "other")) == 1


def test_what_cannot_be_meant_is_refused():
    with DAG("d", schedule=None), pytest.raises(TypeError) as raised:
        TriggerDagRunOperator(task_id="t", trigger_dag_id="x", logical_date=5)  # type: ignore[arg-type]
    with DAG("d", schedule=None), pytest.raises(TypeError, match="allowed_states=.* one of queued"):
        TriggerDagRunOperator(task_id="t", trigger_dag_id="x", allowed_states=["bogus"])
    assert "logical_date=5 is of type int; it must be a datetime, or text" in str(raised.value)
