"""A DAG file that is run itself runs its DAG: `dag.test()`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from airflow_lite import AirflowDagException
from airflow_lite.parsing.load import load_file

FILE = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def work(ds, params):
    print("worked for", ds, params["n"])
    if params["n"] > 5:
        raise ValueError("too many")

with DAG("own", schedule=None, start_date=datetime(2024, 1, 1), params={"n": 1}) as dag:
    PythonOperator(task_id="work", python_callable=work)

"""
GUARDED = FILE + "if __name__ == '__main__':\n    dag.test(datetime(2024, 3, 1), run_conf={conf})\n"


@pytest.fixture
def run(tmp_path):
    def run(source):
        path = tmp_path / "own.py"
        path.write_text(source)
        environment = os.environ | {"AIRFLOW_LITE_HOME": str(tmp_path / "home")}
        return subprocess.run(
            [sys.executable, path],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_a_file_that_is_run_runs_its_dag(run):
    done = run(GUARDED.replace("{conf}", "{'n': 3}"))

    assert done.returncode == 0, done.stderr
    assert "Run manual__2024-03-01T00:00:00+00:00__test of DAG own: success" in done.stdout
    assert "worked for 2024-03-01 3" in done.stdout + done.stderr


def test_its_exit_code_tells_of_a_failed_run(run):
    done = run(GUARDED.replace("{conf}", "{'n': 6}"))

    assert done.returncode == 1
    assert "of DAG own: failed" in done.stdout


def test_an_interrupt_lets_the_run_be_recorded_as_failed(tmp_path, wait_until):
    path, mark = tmp_path / "own.py", tmp_path / "begun"
    source = FILE.replace(
        "print(", f"open({str(mark)!r}, 'w').close(); __import__('time').sleep(600)\n    ("
    )
    path.write_text(source + "if __name__ == '__main__':\n    dag.test(datetime(2024, 3, 1))\n")
    environment = os.environ | {"AIRFLOW_LITE_HOME": str(tmp_path / "home")}
    process = subprocess.Popen(
        [sys.executable, path],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_until(mark.exists, "the task to begin")
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
    told = process.communicate(timeout=120)[0]

    assert process.returncode == 130, told
    assert told.splitlines()[-1] == (
        "airflow-lite: error: Run 'manual__2024-03-01T00:00:00+00:00__test' of DAG 'own' was stopped by"
        " SIGINT, and is failed."
    )


def test_a_call_that_is_not_guarded_is_refused_where_the_file_is_loaded(fresh_home, tmp_path):
    path = tmp_path / "own.py"
    path.write_text(FILE + "dag.test()\n")

    with pytest.raises(AirflowDagException) as raised:
        load_file(path)
    assert str(raised.value) == (
        "DAG own: dag.test() is called whenever the file is loaded."
        " Put it under `if __name__ == '__main__':`."
    )


def test_a_conf_of_60_mb_is_refused_in_one_line(run):
    done = run(GUARDED.replace("{conf}", "{'n': 'x' * 60_000_000}"))

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "AirflowDagException: DAG own: run_conf is too large for dag.test()."
        " Put the data into a file, and the file's path into run_conf."
    )
