"""An executor finds its job's log by what the scheduler and the task host wrote of the attempt."""

from __future__ import annotations

import socket

EXECUTOR = """
import subprocess
import sys

from airflow_lite.executors import BaseExecutor


class Tells(BaseExecutor):
    is_local = True

    def __init__(self):
        super().__init__()
        self.jobs = {}

    def execute_async(self, key, command, queue=None, executor_config=None):
        self.jobs[key] = subprocess.Popen([sys.executable, "-m", "airflow_lite", *command[1:]])
        self.queued(key, "job-42")

    def sync(self):
        for key, process in list(self.jobs.items()):
            if process.poll() is not None:
                del self.jobs[key]
                self.success(key)

    def get_task_log(self, ti, try_number):
        job = f"{ti.external_executor_id} on {ti.hostname}, {ti.executor_config}"
        return [f"{job}, {ti.queue}, {ti.pool_slots}, {ti.state}"], []
"""
DAG = """
from datetime import datetime
from pathlib import Path
from airflow_lite import DAG, PythonSensor

with DAG("tells", start_date=datetime(2024, 1, 1), schedule=None):
    PythonSensor(
        task_id="waits",
        python_callable=lambda: Path({mark!r}).exists(),
        poke_interval=0.1,
        executor_config={{"a": 1}},
        queue="big",
        pool_slots=2,
    )
"""


def test_an_executor_is_told_its_own_id_and_the_machine_of_a_running_attempt(
    home, tmp_path, wait_until
):
    mark = tmp_path / "mark"
    home.dag("tells", DAG.format(mark=str(mark)))
    (tmp_path / "tells_executor.py").write_text(EXECUTOR)
    home.environ["PYTHONPATH"] = str(tmp_path)
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "tells_executor.Tells"
    columns = "SELECT external_executor_id, hostname, state FROM task_instance"
    with home.scheduler("tells_executor.Tells"):
        home.run("dags", "trigger", "tells", "-r", "one")
        running = [("job-42", socket.gethostname(), "running")]
        wait_until(lambda: home.execute(columns) == running, "the attempt to run")
        shown = home.run("tasks", "logs", "tells", "waits", "one").stdout.splitlines()
        mark.touch()
    job = f"job-42 on {socket.gethostname()}, {{'a': 1}}, big, 2, running"
    assert f"*** {job}" in shown
