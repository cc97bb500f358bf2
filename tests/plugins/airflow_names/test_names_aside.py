"""Where Apache Airflow itself is installed, its own modules are used, and that is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fixtures.waits import wait_until

TOLD = (
    "Apache Airflow itself is installed here ({folder}): its own modules are used, and the DAGs that"
    " they make do not load. Use an environment without it"
)


@pytest.fixture
def real(tmp_path):
    """A folder with the two files by which Apache Airflow's own package is known."""
    folder = tmp_path / "site" / "airflow"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("REAL = True\n")
    (folder / "version.py").write_text("version = '2.10.5'\n")
    return folder


def test_it_steps_aside_for_good(real):
    source = (
        "from airflow_lite_airflow_names.finder import install, is_installed\n"
        "install(); install()\n"
        "import airflow\n"
        "print(airflow.REAL, is_installed())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        env={"PYTHONPATH": str(real.parent), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "True False\n"


def test_a_provider_alone_is_no_airflow(tmp_path):
    provider = tmp_path / "airflow" / "providers" / "mine"
    provider.mkdir(parents=True)
    (provider / "__init__.py").write_text("from airflow import DAG\n")
    source = (
        "from airflow_lite_airflow_names.finder import install\n"
        "install()\n"
        "import airflow.providers.mine, airflow_lite\n"
        "print(airflow.providers.mine.DAG is airflow_lite.DAG)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "True\n"


def test_the_doctor_and_the_scheduler_say_so(home, real):
    home.environ["PYTHONPATH"] = str(real.parent)
    home.dag(
        "moved",
        "from airflow import REAL\nfrom airflow_lite import DAG, EmptyOperator\n"
        "with DAG('moved', schedule=None):\n    EmptyOperator(task_id='only')\n",
    )
    told = TOLD.format(folder=real)

    done = home.run("plugins", "doctor", "airflow-lite-airflow-names", "-o", "json", exit_code=1)
    home.run("dags", "trigger", "moved")  # parses the file, so that the scheduler does not
    with home.scheduler("LocalExecutor") as running:
        wait_until(lambda: told in running.output(), "the scheduler's warning", homes=[home])
        wait_until(lambda: _state(home) == "success", "the end of the run", homes=[home])
    lines = [line for line in running.output().splitlines() if told in line]

    assert told in done.stdout
    assert len(lines) == 1
    assert "Plugin airflow-lite-airflow-names" in lines[0]


def _state(home):
    ((state,),) = home.execute("SELECT state FROM dag_run")
    return state


def test_no_provider_is_installed_beside_it(home, real):
    home.environ["PYTHONPATH"] = str(real.parent)

    done = home.run("airflow-names", "install-provider", "http", exit_code=1)

    assert done.stderr == (
        f"airflow-lite: error: Apache Airflow itself is installed here ({real}): its providers are"
        " installed with pip, and airflow-lite does not use them. Use an environment without it.\n"
    )
