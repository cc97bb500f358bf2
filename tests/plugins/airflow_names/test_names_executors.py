"""An executor that was written for another Airflow is told so, with the name that it misses."""

from __future__ import annotations

import pytest

from airflow_lite.imports import ANOTHER_AIRFLOW, NEWER_AIRFLOW, OF_A_PROVIDER, OLDER_AIRFLOW

BASE = "from airflow.executors.base_executor import BaseExecutor"
CASES = [
    ("from airflow.executors.workloads import Run", "airflow.executors.workloads", NEWER_AIRFLOW),
    ("from airflow.sdk.log import mask", "airflow.sdk.log.mask", NEWER_AIRFLOW),
    ("import airflow.contrib.kubernetes.pod", "airflow.contrib.kubernetes", OLDER_AIRFLOW),
    ("from airflow.models import Nothing", "airflow.models.Nothing", ANOTHER_AIRFLOW),
    ("import airflow.providers.nobody.hooks", "airflow.providers.nobody", OF_A_PROVIDER),
]


@pytest.fixture
def home_with(home, tmp_path):
    """Return a home where a module `theirs` begins with a line, and has an executor."""

    def make(line):
        (tmp_path / "theirs.py").write_text(f"{BASE}\n{line}\nclass Theirs(BaseExecutor): ...\n")
        home.environ["PYTHONPATH"] = str(tmp_path)
        return home

    return make


@pytest.mark.parametrize(("line", "name", "advice"), CASES)
def test_info_and_the_start_name_what_is_missing_and_of_which_airflow(
    home_with, line, name, advice
):
    home = home_with(line)

    [row] = home.json("executors", "info", "theirs.Theirs")
    started = home.run("--executor", "theirs.Theirs", "scheduler", exit_code=1)

    assert row["state"] == "quarantined"
    assert row["reason"].endswith(f"({name!r} is missing)")
    assert row["remedy"] == advice
    assert started.stderr == (
        "airflow-lite: error: Executor 'theirs.Theirs' cannot be loaded."
        f" Module 'theirs' needs {name!r}, which is not there. {advice}\n"
    )


def test_a_provider_that_refuses_this_airflow_is_to_be_an_older_one(home_with):
    home = home_with("raise RuntimeError('The package `x:9` needs Apache Airflow 2.11.0+')")

    [row] = home.json("executors", "info", "theirs.Theirs")
    started = home.run("--executor", "theirs.Theirs", "scheduler", exit_code=1)

    assert row["remedy"] == NEWER_AIRFLOW
    assert started.stderr.endswith(f"needs Apache Airflow 2.11.0+. {NEWER_AIRFLOW}\n")


def test_a_name_that_is_refused_says_itself_what_to_write(home_with):
    home = home_with("from airflow.operators.subdag import SubDagOperator")

    [row] = home.json("executors", "info", "theirs.Theirs")
    started = home.run("--executor", "theirs.Theirs", "scheduler", exit_code=1)

    assert row["reason"].endswith(
        "SubDagOperator is not offered: There are no SubDAGs. Write a TaskGroup."
    )
    assert row["remedy"] == "Use what is offered instead."
    assert started.stderr.endswith("Write a TaskGroup. Mend the module.\n")
