"""Whole DAG files, run by `dags test`: what authors write ends as it does under Airflow 2.10.5."""

from __future__ import annotations


def run(home, source, *, state="success"):
    """Run the only DAG of a file called `own`; return the states of its tasks."""
    home.dag("own", source)
    told = home.run("dags", "test", "own", exit_code=0 if state == "success" else 1)
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
