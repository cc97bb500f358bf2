"""Airflow 2.10.5's own example files, unchanged: which load, and that they end as they do there."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_lite.worker.task.xcom import from_json
from fixtures.goldens import read_golden
from fixtures.homes import Home

#: Files that do not load, and what they lack.
MISSING = {
    "example_dag_decorator": "httpx, which is not installed",
    "example_local_kubernetes_executor": "a Kubernetes of Airflow's own",
    "example_kubernetes_executor": "a Kubernetes of Airflow's own",
    "example_subdag_operator": "SubDAGs",
    "example_workday_timetable": "the plugin of its timetable, which is not installed",
    "tutorial_objectstorage": "object storage",
}
#: Where the oracle's own answer hangs on a package that was not installed there (virtualenv), and
#: on whether the DAG that another one starts was in its database.
OF_THE_ORACLE = {
    *("example_python_decorator", "example_python_operator"),
    "example_trigger_controller_dag",
}
#: XComs whose value hangs on the time, the machine or the folder: DAG, task, key.
CHANGING = {("tutorial", "print_date", "return_value")}
#: XComs that Airflow keeps for itself. Its lineage is a task's inlets and outlets as objects: here
#: what changed is kept as dataset events. What a branch chose is here a part of its outcome.
OF_AIRFLOW = {"pipeline_inlets", "pipeline_outlets", "skipmixin_key"}


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """The folder of the example files, from Airflow's own package."""
    folder = tmp_path_factory.mktemp("examples")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder]
    subprocess.run([*command, "apache-airflow==2.10.5"], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("airflow/example_dags/")]
        archive.extractall(folder, names)
    return folder / "airflow" / "example_dags"


@pytest.fixture(scope="module")
def example_home(examples, tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("home"))
    home.environ["AIRFLOW_LITE__CORE__DAGS_FOLDER"] = str(examples)
    return home


def test_most_load_and_each_of_the_others_lacks_what_is_not_there(example_home, examples):
    files = sorted(examples.glob("*.py"))
    done = example_home.run(
        "airflow-names", "check", *map(str, files), "-o", "json", exit_code=1, timeout=300
    )
    rows = json.loads(done.stdout)
    failed = {Path(row["file"]).stem for row in rows if row["missing"]}
    assert failed <= set(MISSING)
    assert len(rows) - len(failed) >= 48


@pytest.fixture(scope="module")
def expected():
    """How the DAGs of the files that load end there."""
    return {
        dag_id: row
        for dag_id, row in read_golden("example_states").items()
        if row["file"].removesuffix(".py") not in MISSING and dag_id not in OF_THE_ORACLE
    }


@pytest.fixture(scope="module")
def states(example_home, expected):
    """How the tasks of these DAGs end here."""

    def states(dag_id):
        code = 0 if expected[dag_id]["run"] == "success" else 1
        example_home.run("dags", "test", dag_id, "2024-01-01", exit_code=code, timeout=300)
        rows = example_home.json("tasks", "states-for-dag-run", dag_id, "2024-01-01")
        return {_name(row): row["state"] for row in rows}

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(expected, pool.map(states, expected), strict=True))


def test_dags_that_load_end_as_they_do_there(states, expected):
    wrong = {
        dag_id: (states[dag_id], row["tasks"])
        for dag_id, row in expected.items()
        if states[dag_id] != row["tasks"]
    }
    assert wrong == {}
    assert len(states) >= 52


def test_their_tasks_push_what_they_push_there(example_home, states, expected):
    wrong, count = {}, 0
    for dag_id in states:
        wanted = _comparable(dag_id, expected[dag_id]["xcoms"])
        found = _comparable(dag_id, _xcoms(example_home, dag_id))
        count += sum(map(len, wanted.values()))
        if found != wanted:
            wrong[dag_id] = (found, wanted)
    assert wrong == {}
    assert count >= 127


def _xcoms(home, dag_id):
    """Return what the tasks of its test run pushed, as the golden has it."""
    rows = home.execute(
        "SELECT task_id, map_index, key, value FROM xcom JOIN dag_run ON dag_run.id = dag_run_id"
        " WHERE dag_id = :dag AND run_type = 'test'",
        dag=dag_id,
    )
    found: dict[str, dict[str, object]] = {}
    for task_id, index, key, value in rows:
        name = task_id if index < 0 else f"{task_id}[{index}]"
        found.setdefault(name, {})[key] = json.loads(json.dumps(from_json(value), default=repr))
    return found


def _comparable(dag_id, xcoms):
    """Return the XComs without those that are another each time, or that are Airflow's own."""
    comparable = {
        name: {
            key: value
            for key, value in of_task.items()
            if key not in OF_AIRFLOW and (dag_id, name, key) not in CHANGING
        }
        for name, of_task in xcoms.items()
    }
    return {name: of_task for name, of_task in comparable.items() if of_task}


def _name(row):
    index = row.get("map_index", "")
    return row["task_id"] if index == "" else f"{row['task_id']}[{index}]"
