"""DAGs of mapped tasks end on every executor as they ended under Airflow 2.10.5."""

from __future__ import annotations

import shutil

import pytest

from fixtures.mapped_ends import CHOSEN_BY_NOBODY, as_airflow, ends, open_runs


@pytest.fixture(scope="module")
def expected(golden):
    return golden("mapping")["ends"]


@pytest.mark.parametrize("executor", ["LocalExecutor", "SequentialExecutor", "DebugExecutor"])
def test_mapped_tasks_end_as_under_airflow(executor, home, golden_folder, expected, wait_until):
    shutil.copy(golden_folder / "mapping_dags.py", home.dags)
    home.environ["CONFORMANCE_DIR"] = str(home.folder)
    names = sorted(expected)
    for name in names:
        home.run("dags", "trigger", name, "-e", "2024-01-01")
    with home.scheduler(executor):
        wait_until(lambda: not open_runs(home), "the end of all runs", deadline_s=300)
    for name in names:
        found = ends(home, name)
        assert found == as_airflow(found, expected[name]), name
    branches = ends(home, "mapping_branches")
    assert {branches[name][0] for name in CHOSEN_BY_NOBODY} == {"skipped"}


CLEARED = """
import os
from datetime import datetime
from airflow_lite import DAG, task

with DAG("cleared", start_date=datetime(2024, 1, 1), schedule=None):
    @task
    def source():
        with open(os.environ["CONFORMANCE_DIR"] + "/length") as file:
            return list(range(1, int(file.read()) + 1))

    @task
    def over(x):
        return x

    @task
    def total(values=None):
        return None if values is None else sum(values)

    total(over.expand(x=source()))
"""


def test_a_clear_brings_instances_and_takes_them_as_in_airflow(home, golden, wait_until):
    wanted = golden("mapping")["cleared"]
    home.environ["CONFORMANCE_DIR"] = str(home.folder)
    home.dag("cleared", CLEARED)
    length = home.folder / "length"
    length.write_text("2")
    home.run("dags", "trigger", "cleared", "-e", "2024-01-01")

    def ended():
        wait_until(lambda: not open_runs(home), "the end of the run")
        return ends(home, "cleared")

    with home.scheduler():
        assert ended() == wanted["of 2"]
        for size in (4, 1):
            length.write_text(str(size))
            home.run("tasks", "clear", "cleared", "--yes")
            assert ended() == wanted[f"then of {size}"]
        length.write_text("4")
        home.run("tasks", "clear", "cleared", "--yes")
        before = ended()
        home.run("tasks", "clear", "cleared", "-t", "over", "--map-index", "1", "-d", "--yes")
        after = ended()
    tries = {name: row[1] for name, row in after.items() if row[1] != before[name][1]}
    assert tries == {"over[1]": before["over[1]"][1] + 1, "total": before["total"][1] + 1}
    shown = home.run("tasks", "states-for-dag-run", "cleared", "2024-01-01").stdout
    assert [line.split("|")[1].strip() for line in shown.splitlines() if "over" in line] == [
        "0", "1", "2", "3"
    ]  # fmt: skip
