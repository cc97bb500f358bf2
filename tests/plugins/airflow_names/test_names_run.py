"""A DAG file that imports from airflow loads and runs wherever DAG files are imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

DAG_FILE = """
from datetime import datetime

import airflow_lite
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

assert DAG is airflow_lite.DAG


def told(**context):
    with open({told!r}, "a") as file:
        file.write(context["reason"] + "\\n" if "reason" in context else "told\\n")


with DAG("moved", schedule=None, start_date=datetime(2024, 1, 1)):
    first = BashOperator(task_id="first", bash_command="echo first")
    first >> PythonOperator(task_id="second", python_callable=told)
"""
REFUSED = """
from airflow import DAG
from airflow.operators.subdag import SubDagOperator
"""
STATES = {"first": "success", "second": "success"}


@pytest.fixture
def moved(home):
    """A home with a DAG file that imports from airflow."""
    home.dag("moved", DAG_FILE.format(told=str(home.folder / "told")))
    return home


def states(home, run_id):
    rows = home.json("tasks", "states-for-dag-run", "moved", run_id)
    return {row["task_id"]: row["state"] for row in rows}


def import_errors(home, *options):
    words = (*options, "dags", "list-import-errors", "-o", "json")
    return json.loads(home.run(*words, exit_code=1).stdout)


def test_a_dag_runs_under_the_scheduler(moved):
    with moved.scheduler("LocalExecutor"):
        moved.run("dags", "trigger", "moved", "--wait", "--timeout", "60", "-r", "r")

    assert states(moved, "r") == STATES


def test_a_dag_runs_in_processes_that_run_no_others(moved):
    moved.run("dags", "test", "moved", "2024-01-01")
    moved.run("--executor", "DebugExecutor", "dags", "test", "moved", "2024-01-02")
    moved.run("tasks", "test", "moved", "second", "2024-01-03")
    rendered = moved.run("tasks", "render", "moved", "first", "2024-01-03").stdout

    assert (moved.folder / "told").read_text() == "told\n" * 3
    assert "echo first" in rendered


def test_a_refused_name_is_an_import_error_that_says_what_to_write(home):
    path = home.dag("refused", REFUSED)

    (row,) = import_errors(home)

    assert row["error"].splitlines()[:2] == [
        "RefusedNameError: airflow.operators.subdag.SubDagOperator is not offered:"
        " There are no SubDAGs. Write a TaskGroup. (line 3)",
        f'  File "{path}", line 3, in <module>',
    ]


def test_without_plugins_there_is_no_module_of_airflow(moved):
    moved.run("--no-plugins", "dags", "test", "moved", "2024-01-01", exit_code=1)
    (row,) = import_errors(moved, "--no-plugins")

    assert row["error"].startswith("ModuleNotFoundError: No module named 'airflow'")


def test_a_provider_that_is_not_installed_is_named(home):
    home.dag("far", "from airflow import DAG\nfrom airflow.providers.far.away import X\n")
    home.dag(
        "old", "from airflow import DAG\nfrom airflow.operators.pig_operator import PigOperator\n"
    )

    far, old = (row["error"].splitlines()[0] for row in import_errors(home))

    assert far == (
        "ModuleNotFoundError: No module named 'airflow.providers.far' (line 2). It is in one of"
        " Airflow's providers: install that with `airflow-lite airflow-names install-provider NAME`."
    )
    assert old == (
        "RefusedNameError: airflow.operators.pig_operator.PigOperator:"
        " airflow.providers.apache.pig.operators.pig is not installed."
        " Run `airflow-lite airflow-names install-provider apache-pig`. (line 2)"
    )


def test_no_program_of_the_environment_knows_airflow():
    source = "import airflow_lite, importlib.util; print(importlib.util.find_spec('airflow'))"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )

    assert done.stdout == "None\n"
