"""What a writer of the metadata database cannot do: name a file that is then run."""

from __future__ import annotations

import pytest

DAG = """
from datetime import datetime
from pathlib import Path
from airflow_lite import DAG, PythonOperator

Path(__file__).with_suffix(".ran").touch()

def fail(): raise ValueError("no luck")
def told(context): pass

with DAG("one", start_date=datetime(2024, 1, 1), schedule=None, on_failure_callback=told):
    PythonOperator(task_id="a", python_callable=fail)
"""


@pytest.mark.parametrize("where", ["{tmp}/evil.py", "../../evil.py", "team/../../../evil.py"])
@pytest.mark.parametrize("options", [(), ("--do-pickle",)], ids=["files", "pickles"])
def test_a_file_outside_of_the_dag_folder_is_never_run(home, tmp_path, where, options):
    home.dag("one", DAG)
    (home.dags / "team").mkdir()
    (tmp_path / "evil.py").write_text(DAG)
    with home.scheduler(options=options):
        home.run("dags", "trigger", "one", "-r", "r1", "--wait", exit_code=1)
        home.execute(
            "UPDATE dag SET fileloc = :path, pickle_id = NULL, row_version = row_version + 1",
            path=where.format(tmp=tmp_path),
        )
        home.run("dags", "trigger", "one", "-r", "r2", "--wait", exit_code=1)

    assert not (tmp_path / "evil.ran").exists()
    log = home.run("tasks", "logs", "one", "a", "r2").stdout
    assert "no DAG file's path below" in log or "is not pickled" in log
