"""DAGs run through real workers and brokers, with the states that they have everywhere."""

from __future__ import annotations

import json
import shutil

from fixtures.databases import SETTING


def run_golden(home, golden, golden_folder):
    """Run the golden DAG under a scheduler; its run and its tasks must end as under Airflow."""
    expected = golden("conformance_states")
    trigger = expected["trigger"]
    shutil.copy(golden_folder / "conformance_dag.py", home.dags)
    with home.scheduler("CeleryExecutor") as running:
        home.run(
            *("dags", "trigger", "conformance", "--wait", "--timeout", "300"),
            *("-r", trigger["run_id"], "-e", trigger["logical_date"]),
            *("-c", json.dumps(trigger["conf"])),
            exit_code=1,
            timeout=320,
        )
    print(running.output())
    rows = home.json("tasks", "states-for-dag-run", "conformance", trigger["run_id"])
    states = {row["task_id"]: row["state"] for row in rows}
    assert states == {name: task["state"] for name, task in expected["tasks"].items()}


def test_the_conformance_dag_ends_as_under_airflow(
    home, new_postgres, workers, golden, golden_folder
):
    home.environ["CONFORMANCE_DIR"] = str(home.folder)
    home.environ[SETTING] = new_postgres()
    home.run("db", "migrate")
    workers.start("first", "-c", "4")
    workers.start("second", "-c", "4")
    run_golden(home, golden, golden_folder)
