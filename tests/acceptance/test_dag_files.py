"""Whole DAG files, run by `dags test`: what authors write ends as it does under Airflow 2.10.5."""

from __future__ import annotations

import pytest


def run(home, source, *, state="success", options=()):
    """Run the only DAG of a file called `own`; return the states of its tasks."""
    home.dag("own", source)
    told = home.run("dags", "test", "own", *options, exit_code=0 if state == "success" else 1)
    (made,) = home.json("dags", "list-runs", "-d", "own")
    assert made["state"] == state, told.stdout
    rows = home.json("tasks", "states-for-dag-run", "own", made["run_id"])
    return {row["task_id"]: row["state"] for row in rows}


RESCHEDULED = """
import pendulum
from airflow_lite import DAG, PythonSensor

def look(ti):
    return ti.start_date > ti.waiting_since

with DAG("own", start_date=pendulum.datetime(2024, 1, 1, tz="UTC"), schedule=None):
    PythonSensor(task_id="wait", python_callable=look, mode="reschedule", poke_interval=0.1)
"""


def test_a_rescheduled_sensor_looks_again_in_a_file_that_imports_pendulum(home):
    assert run(home, RESCHEDULED) == {"wait": "success"}


PULLED_BY_KEY = """
from datetime import datetime
from airflow_lite import DAG, BashOperator, PythonOperator

def put(ti, number):
    ti.xcom_push(key="found", value=number)
    return f"r{number}"

def look(ti):
    found = (ti.xcom_pull(key="found"), ti.xcom_pull(), ti.xcom_pull(task_ids="m", key=None))
    assert found == (3, "r3", "r2"), found

with DAG("own", schedule=None, start_date=datetime(2024, 1, 1)):
    z, m, n = (
        PythonOperator(task_id=name, python_callable=put, op_kwargs={"number": number})
        for number, name in enumerate("zmn", start=1)
    )
    text = BashOperator(task_id="text", bash_command="test '{{ ti.xcom_pull(key='found') }}' = 3")
    z >> m >> n >> PythonOperator(task_id="look", python_callable=look) >> text
"""


@pytest.mark.parametrize("options", [(), ("--use-executor",)], ids=" ".join)
def test_of_several_xcoms_that_fit_the_last_pushed_is_pulled(home, options):
    assert set(run(home, PULLED_BY_KEY, options=options).values()) == {"success"}


NESTED = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def work(ti):
    before = {"inner_up": "outer_up", "b": "inner_up", "outer_down": "inner_down", "c": "outer_up"}
    name = before.get(ti.task_id)
    assert name is None or ti.xcom_pull(task_ids=name) == name, f"{ti.task_id} runs before {name}"
    return ti.task_id

with DAG("own", schedule=None, start_date=datetime(2024, 1, 1)):
    outer_up, outer_down, inner_up, inner_down, c = (
        PythonOperator(task_id=name, python_callable=work)
        for name in ("outer_up", "outer_down", "inner_up", "inner_down", "c")
    )
    with outer_down.as_teardown(setups=outer_up) as scope:
        PythonOperator(task_id="a", python_callable=work)
        scope.add_task(c)
        with inner_down.as_teardown(setups=inner_up):
            PythonOperator(task_id="b", python_callable=work)
"""


@pytest.mark.parametrize("options", [(), ("--use-executor",)], ids=" ".join)
def test_an_inner_scope_runs_between_the_setups_and_teardowns_of_the_outer_one(home, options):
    assert set(run(home, NESTED, options=options).values()) == {"success"}


GUARDED = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

with DAG("own", schedule=None, start_date=datetime(2024, 1, 1)):
    up, work, down, other = (
        PythonOperator(task_id=name, python_callable=print) for name in ("up", "work", "down", "other")
    )
    up >> work >> down.as_teardown(setups=up)
    other >> work
"""


@pytest.mark.parametrize(
    ("options", "cleared"),
    [
        (("-t", "^work$"), {"up", "work", "down"}),
        (("-t", "^up$"), {"up", "down"}),
        (("-t", "^other$", "-d"), {"other", "up", "work", "down"}),
        (("-t", "^work$", "-u"), {"other", "up", "work", "down"}),
    ],
    ids=lambda words: " ".join(sorted(words)),
)
def test_a_task_is_cleared_with_its_setups_and_teardowns(home, options, cleared):
    run(home, GUARDED)
    told = home.run("tasks", "clear", "own", *options, "-y")
    (made,) = home.json("dags", "list-runs", "-d", "own")
    rows = home.json("tasks", "states-for-dag-run", "own", made["run_id"])

    assert told.stdout.startswith(f"Cleared {len(cleared)} task instance(s) in 1 run(s).")
    assert {row["task_id"] for row in rows if row["state"] != "success"} == cleared
