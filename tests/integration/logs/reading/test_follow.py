"""Following a log by the command line, while a real scheduler runs its task."""

from __future__ import annotations

import subprocess

from fixtures.waits import DEADLINE_S

DAG = """
from datetime import datetime
from pathlib import Path
from airflow_lite import DAG, PythonSensor

with DAG("pokes", start_date=datetime(2024, 1, 1), schedule=None):
    PythonSensor(
        task_id="waits",
        python_callable=lambda: Path({mark!r}).exists(),
        poke_interval=0.5,
        mode="reschedule",
    )
"""


def test_a_sensor_that_reschedules_is_followed_until_it_succeeds(home, tmp_path, wait_until):
    mark, out = tmp_path / "mark", tmp_path / "followed"
    home.dag("pokes", DAG.replace("{mark!r}", repr(str(mark))))
    with home.scheduler():
        home.run("dags", "trigger", "pokes", "-r", "one")
        with out.open("wb") as file:
            following = home.start(
                "tasks",
                "logs",
                "pokes",
                "waits",
                "one",
                "--follow",
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(lambda: out.read_text().count("UP_FOR_RESCHEDULE") >= 3, "three pokes")
            assert following.poll() is None
            mark.touch()
            assert following.wait(DEADLINE_S) == 0
        finally:
            following.kill()
            following.wait()
    assert "Marking task as SUCCESS" in out.read_text()
