"""Tasks on Dask workers run from pickled DAGs, without the DAG file."""

from __future__ import annotations

from airflow_lite_dask_executor.executor import DaskExecutor

#: `hide` takes the DAG file away: `after`, which begins later, cannot be run from it.
HIDING = """
import os
from datetime import datetime
from airflow_lite import DAG, PythonOperator

FILE = os.path.abspath(__file__)

def after():
    return os.path.exists(FILE)

with DAG(
    "hiding", start_date=datetime(2024, 1, 1), schedule="@once", is_paused_upon_creation=False
):
    hide = PythonOperator(task_id="hide", python_callable=lambda: os.remove(FILE))
    hide >> PythonOperator(task_id="after", python_callable=after)
"""


def test_a_pickled_dag_runs_on_a_dask_worker_without_its_file(home, make_cluster, wait_until):
    assert DaskExecutor.supports_pickling
    home.environ |= {
        "AIRFLOW_LITE__CORE__DONOT_PICKLE": "False",
        "AIRFLOW_LITE__CORE__PICKLE_SECRET_KEY": "the same on every machine, and long",
        "AIRFLOW_LITE__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "3600",
    }
    path = home.dag("hiding", HIDING)
    make_cluster().up()

    def run_of_hiding():
        runs = home.json("dags", "list-runs", "-d", "hiding")
        return runs[0] if runs and runs[0]["state"] in {"success", "failed"} else None

    with home.scheduler("DaskExecutor"):
        ended = wait_until(run_of_hiding, "the run to end")
    assert not path.exists()
    assert ended["state"] == "success"
