"""The DAG of 30 tasks ends on every executor as it ended under Airflow 2.10.5."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

EXECUTORS = ["SequentialExecutor", "LocalExecutor", "DebugExecutor"]


@pytest.fixture
def expected(golden):
    return golden("conformance_states")


def states(rows):
    return {row["task_id"]: row["state"] for row in rows}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_conformance_dag_ends_as_under_airflow(executor, home, golden_folder, expected):
    shutil.copy(golden_folder / "conformance_dag.py", home.dags)
    home.environ["CONFORMANCE_DIR"] = str(home.folder)
    trigger = expected["trigger"]
    with home.scheduler(executor):
        home.run(
            *("dags", "trigger", "conformance", "--wait", "--timeout", "300"),
            *("-r", trigger["run_id"], "-e", trigger["logical_date"]),
            *("-c", json.dumps(trigger["conf"])),
            exit_code=1,
            timeout=320,
        )
    runs = home.json("dags", "list-runs", "-d", "conformance")
    rows = home.json("tasks", "states-for-dag-run", "conformance", trigger["run_id"])
    assert [run["state"] for run in runs] == [expected["dag_run_state"]]
    assert states(rows) == {name: task["state"] for name, task in expected["tasks"].items()}


def test_tries_and_xcoms_are_airflows_too(home, golden_folder, expected):
    shutil.copy(golden_folder / "conformance_dag.py", home.dags)
    home.environ["CONFORMANCE_DIR"] = str(home.folder)
    trigger = expected["trigger"]
    with home.scheduler("LocalExecutor"):
        home.run(
            *("dags", "trigger", "conformance", "--wait", "--timeout", "300"),
            *("-r", trigger["run_id"], "-e", trigger["logical_date"]),
            *("-c", json.dumps(trigger["conf"])),
            exit_code=1,
            timeout=320,
        )
    found = rows_of(home)
    for task_id, task in expected["tasks"].items():
        tries, xcom, rendered = found[task_id]
        assert tries == (task["try_number"], task["max_tries"]), task_id
        wanted = {k: v for k, v in task["xcom"].items() if k != "skipmixin_key"}
        assert xcom == wanted, task_id
        for name, value in task.get("rendered", {}).items():
            assert rendered[name] == value, (task_id, name)


def rows_of(home):
    """Read tries, XComs and rendered fields of the one run in the home's store."""
    xcoms: dict[str, Any] = {}
    for task_id, key, value in home.execute("SELECT task_id, key, value FROM xcom"):
        xcoms.setdefault(task_id, {})[key] = json.loads(value)
    fields = home.execute(
        "SELECT task_id, fields FROM rendered_fields"
        " JOIN task_instance ON task_instance.id = task_instance_id"
    )
    rendered = {task_id: json.loads(text) for task_id, text in fields}
    tries = home.execute("SELECT task_id, try_number, max_tries FROM task_instance")
    return {
        task_id: ((number, most), xcoms.get(task_id, {}), rendered.get(task_id, {}))
        for task_id, number, most in tries
    }
