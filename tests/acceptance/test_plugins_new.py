"""`plugins new` writes a distribution that builds, installs, tests itself and runs DAGs."""

from __future__ import annotations

import os
import re
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from fixtures import commands

pytestmark = pytest.mark.any_database

ROOT = Path(__file__).parents[2]
DAG = """
from datetime import datetime
from airflow_lite import DAG, BashOperator

with DAG("one", start_date=datetime(2024, 1, 1), schedule=None):
    BashOperator(task_id="a", bash_command="true") >> BashOperator(task_id="b", bash_command="true")
"""

ENVIRON = {
    "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def call(*words, cwd=ROOT, **environ):
    return commands.call(*words, cwd=cwd, environ=commands.clean_environ(**ENVIRON, **environ))


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """The folder with the wheels of the core and the kit."""
    folder = tmp_path_factory.mktemp("core")
    sources = ROOT, ROOT / "plugins" / "testing"
    call(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, *sources)
    return folder


@pytest.fixture(scope="module")
def environment(core, tmp_path_factory):
    """A fresh environment with the core's wheel, the kit and the linter; its Python."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    [wheel] = core.glob("airflow_lite-*.whl")
    call(python, "-m", "pip", "install", "-q", "--find-links", core, f"{wheel}[testing]", "ruff")
    return python


@pytest.fixture(scope="module")
def project(environment, tmp_path_factory):
    """What `plugins new` writes, as the installed program writes it."""
    folder = tmp_path_factory.mktemp("author")
    home = tmp_path_factory.mktemp("home")
    words = ("-m", "airflow_lite", "plugins", "new", "my-executor")
    printed = call(environment, *words, cwd=folder, AIRFLOW_LITE_HOME=str(home))
    written = {Path(line) for line in printed.splitlines()}
    assert {folder / path for path in written} == {
        path for path in folder.rglob("*") if path.is_file()
    }
    return folder / "my-executor"


@pytest.fixture(scope="module")
def installed(environment, project, core, tmp_path_factory):
    """The environment with the distribution's own wheel installed, offline."""
    folder = tmp_path_factory.mktemp("plugin")
    words = ("-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, project)
    call(sys.executable, *words, PIP_FIND_LINKS=str(core))
    [wheel] = folder.glob("my_executor-0.1.0-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert any(name.endswith("/licenses/LICENSE") for name in archive.namelist())
    call(environment, "-m", "pip", "install", "-q", "--no-index", wheel)
    return environment


@pytest.fixture
def home(home, installed):
    home.python = str(installed)
    return home


def test_it_is_formatted_and_the_linter_has_nothing_to_say(installed, project):
    call(installed, "-m", "ruff", "check", "--no-cache", cwd=project)
    call(installed, "-m", "ruff", "format", "--check", "--no-cache", cwd=project)


@pytest.fixture
def man_folder(tmp_path):
    """A folder for the end of PATH, with a `man` that prints titles where there is none."""
    script = tmp_path / "man" / "man"
    script.parent.mkdir()
    script.write_text(
        """#!/bin/sh\nexec sed -n 's/\\\\//g; s/^.TH \\([^ ]*\\) .*/\\1(1)/p' "$2"\n"""
    )
    script.chmod(0o755)
    return script.parent


def test_publishing_one_works_as_the_page_says(core, environment, home, tmp_path, man_folder):
    """Every command of the page, in one shell; `pytest` there runs the conformance kit."""
    page = (ROOT / "docs/how-to/publish-an-executor.md").read_text()
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    commands = [line[2:] for block in blocks for line in block.splitlines()]
    assert len(commands) > 8
    report = call(
        *("bash", "-e", "-x", "-c", "\n".join(commands)),
        cwd=tmp_path,
        PATH=f"{environment.parent}:{os.environ['PATH']}:{man_folder}",
        PIP_FIND_LINKS=str(core),
        AIRFLOW_LITE_HOME=str(home.folder),
        MANPAGER="cat",
        PYTEST_ADDOPTS="-q -p no:cacheprovider",
    )
    (passed,) = map(int, re.findall(r"(\d+) passed", report))
    assert passed > 50, report
    assert "failed" not in report
    assert "skipped" not in report
    assert "AIRFLOW-LITE-ACME_EXECUTOR(1)" in report


def test_it_runs_a_dag(home):
    home.dag("one", DAG)
    with home.scheduler("MyExecutor"):
        home.run("dags", "trigger", "one", "--wait", "--timeout", "200", timeout=220)
    [run] = home.json("dags", "list-runs", "-d", "one")
    assert run["state"] == "success"


def test_its_command_option_and_man_page_are_there(home, installed):
    chosen = ("--executor", "MyExecutor")
    assert "my_executor" in home.run(*chosen, "--help").stdout
    assert "settings" in home.run(*chosen, "my_executor", "--help").stdout
    rows = home.json(*chosen, "my_executor", "settings")
    assert {"setting": "[my_executor] kill_grace_s", "value": "5"} in rows
    assert "Run `airflow-lite --executor MyExecutor" in home.run("my_executor", exit_code=1).stderr
    page = installed.parents[1] / "share/man/man1/airflow-lite-my_executor.1"
    assert "settings" in page.read_text()


def test_the_doctor_finds_it_sound_and_healthy(home):
    home.environ["AIRFLOW_LITE__PLUGINS__STRICT"] = "True"
    rows = home.json("plugins", "doctor", "my-executor")
    assert [row["state"] for row in rows] == ["ready", "ready", "healthy"]
    assert rows[2]["reason"].startswith("tasks are run by ")


def test_removing_it_takes_its_executor_and_commands_away_and_nothing_else(home, installed, core):
    before = home.json("executors", "list")
    call(installed, "-m", "pip", "uninstall", "-q", "-y", "my-executor")
    names = {row["name"] for row in home.json("executors", "list")}
    assert {row["name"] for row in before} - names == {"MyExecutor"}
    done = home.run("--executor", "MyExecutor", "scheduler", exit_code=1)
    assert "airflow-lite: error: There is no executor 'MyExecutor'." in done.stderr
    assert "There is no command" in home.run("my_executor", exit_code=2).stderr


def test_the_build_hook_in_it_is_the_cores(project):
    assert (project / "hatch_build.py").read_bytes() == (ROOT / "core/hatch_build.py").read_bytes()


def test_the_range_in_the_template_is_the_one_that_is_replaced():
    template = ROOT / "core/airflow_lite/plugins/template/pyproject.toml.in"
    wanted = tomllib.loads(template.read_text())["project"]["dependencies"]
    from airflow_lite.plugins.new import TEMPLATE_RANGE

    assert wanted == [TEMPLATE_RANGE]
