"""Attempts that go to the cluster together do not wait for each other."""

from __future__ import annotations

MIXED = """
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def wait():
    while not os.path.exists("{gate}"):
        time.sleep(0.05)

with DAG("mixed", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=200) as dag:
    for number in range(60):
        PythonOperator(task_id=f"before{number}", python_callable=int, priority_weight=2)
    PythonOperator(task_id="long", python_callable=wait)
    for number in range(60):
        PythonOperator(task_id=f"beside{number}", python_callable=int)
"""


def test_nothing_waits_behind_a_long_task_while_a_thread_is_free(
    home, make_cluster, wait_until, tmp_path, findings
):
    gate = tmp_path / "gate"
    home.dag("mixed", MIXED.replace("{gate}", str(gate)))
    make_cluster().up(threads=1)

    def states():
        return home.states("mixed", "r")

    with home.scheduler("DaskExecutor"):
        home.run("dags", "trigger", "mixed", "-r", "r")
        wait_until(lambda: list(states().values()).count("success") == 120, "all but one")
        assert states()["long"] == "running"
        gate.touch()
        wait_until(lambda: states()["long"] == "success", "the long one")
        wait_until(lambda: home.run_states("mixed") == {"r": "success"}, "it")
    assert findings() == []
    history = home.json("tasks", "history", "mixed", "beside0", "r")
    assert [row["to"] for row in history][-1] == "success"
