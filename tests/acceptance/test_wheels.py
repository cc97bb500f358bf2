"""What users install works: wheels built from the tree, in an environment of their own."""

from __future__ import annotations

import filecmp
import json
import os
import subprocess
import sys
import venv
from functools import partial
from pathlib import Path

import pytest

from fixtures import commands

pytestmark = pytest.mark.any_database

ROOT = Path(__file__).parents[2]
EXECUTORS = sorted((ROOT / "plugins").glob("*_executor"))
ENVIRON = {
    **os.environ,
    "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "SOURCE_DATE_EPOCH": "1700000000",
}


call = partial(commands.call, environ=ENVIRON)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Build the core, the kit and the DebugExecutor as users' tools do, each in isolation."""
    folder = tmp_path_factory.mktemp("wheels")
    sources = [ROOT, *(ROOT / "plugins" / name for name in ("debug_executor", "testing"))]
    call(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, *sources)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def environment(wheels, tmp_path_factory):
    """A fresh environment with the core's wheel alone; the path of its Python."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    core = next(wheel for wheel in wheels if wheel.name.startswith("airflow_lite-"))
    call(python, "-m", "pip", "install", "-q", core)
    return python


def test_the_cores_wheel_alone_runs_the_quickstart(environment, home):
    home.python = str(environment)
    done = home.run("quickstart", timeout=120)
    assert done.stdout.count("success") >= 20
    [report] = (home.folder / "reports" / "installed_packages").glob("*/report.csv")
    names = {line.split(",")[0].lower() for line in report.read_text().splitlines()[1:]}
    assert {"airflow-lite", "sqlalchemy", "pluggy", "rich"} <= names
    page = report.with_suffix(".html").read_text()
    assert "airflow-lite" in page
    assert "<svg" in page


def test_a_missing_executor_names_the_package_and_installing_it_brings_its_commands(
    environment, wheels, home
):
    home.python = str(environment)
    refused = home.run("--executor", "DebugExecutor", "scheduler", exit_code=1)
    assert "airflow-lite-debug-executor" in refused.stderr
    unknown = home.run("debug", "run", exit_code=2)
    assert "Install them with `pip install airflow-lite-debug-executor`." in unknown.stderr
    plugin = next(wheel for wheel in wheels if wheel.name.startswith("airflow_lite_debug"))
    call(environment, "-m", "pip", "install", "-q", "--no-index", plugin)
    assert "run" in home.run("--executor", "DebugExecutor", "debug", "--help").stdout
    home.dag(
        "one",
        "from datetime import datetime\nfrom airflow_lite import DAG, EmptyOperator\n"
        "with DAG('one', start_date=datetime(2024, 1, 1), schedule=None):\n"
        "    EmptyOperator(task_id='a')\n",
    )
    home.run("--executor", "DebugExecutor", "debug", "run", "one")


#: One of each level: `test_core_executors.py` runs all of them.
SOME_CASES = """
import sys
from airflow_lite.cli.main import run
from airflow_lite_testing import certificate

all_cases = certificate._all_cases()
some = (
    "basic.events.one-end-of-each",
    "end-to-end.dag.ends-as-it-must",
    "faults.submit.command-that-cannot-start",
    "optional.logs.never-raise",
)
certificate._all_cases = lambda: {case: all_cases[case] for case in some}
sys.exit(run(sys.argv[1:]))
"""


def test_the_kit_is_a_distribution_of_its_own_and_the_extra_brings_it(
    environment, wheels, home, tmp_path
):
    home.python = str(environment)
    words = ("executors", "certify", "SequentialExecutor")
    advice = "The conformance kit is not installed. Run `pip install 'airflow-lite[testing]'`."
    assert home.run(*words, exit_code=1).stderr == f"airflow-lite: error: {advice}\n"
    asked = [environment, "-c", "from airflow_lite.testing import ExecutorConformance"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == f"ModuleNotFoundError: {advice}"

    core, kit = (
        next(w for w in wheels if w.name.startswith(f"airflow_lite{end}-"))
        for end in ("", "_testing")
    )
    folder = tmp_path / "with_kit"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    call(python, "-m", "pip", "install", "-q", "--find-links", kit.parent, f"{core}[testing]")
    report = json.loads(call(python, "-c", SOME_CASES, *words, "-o", "json", environ=home.environ))
    assert (report["conforms"], report["distribution"]) == (True, "airflow-lite")


def test_the_wheels_bring_man_pages(environment):
    pages = {path.name for path in (environment.parent.parent / "share/man/man1").glob("*.1")}
    assert {"airflow-lite.1", "airflow-lite-dags.1", "airflow-lite-tasks.1"} <= pages


@pytest.mark.parametrize("plugin", EXECUTORS, ids=lambda path: path.name)
def test_a_plugins_build_hook_is_the_cores(plugin):
    assert filecmp.cmp(plugin / "hatch_build.py", ROOT / "core" / "hatch_build.py", shallow=False)


def test_the_installed_pages_are_found(environment, home, tmp_path):
    home.python = str(environment)
    viewer = tmp_path / "man"
    viewer.write_text('#!/bin/sh\nexec head -n 1 "$2"\n')
    viewer.chmod(0o755)
    home.environ["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    assert home.run("man").stdout.startswith('.TH AIRFLOW\\-LITE "1" "2023-11-14"')
    assert home.run("man", "dags").stdout.startswith('.TH AIRFLOW\\-LITE\\-DAGS "1"')
