"""A home, or its DAG folder, that lies elsewhere than before: each DAG follows its file."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from fixtures.homes import Home

DAG = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator
import helper

with DAG("one", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="say", python_callable=lambda: print("from", __file__, helper.NAME))
"""


def fill(folder, name):
    """Write a DAG file and the module that it imports into a DAG folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "one.py").write_text(DAG)
    (folder / "helper.py").write_text(f"NAME = {name!r}\n")


def run_once(home, run_id):
    """Trigger the DAG, have a scheduler run it, and return the log of its task."""
    with home.scheduler():
        home.run("dags", "trigger", "one", "-r", run_id, "--wait")
    return home.run("tasks", "logs", "one", "say", run_id).stdout


def listed(home):
    assert home.run("dags", "list-import-errors").stdout.strip() in {"", "No data found"}
    return {row["dag_id"]: row["fileloc"] for row in home.json("dags", "list")}


@pytest.fixture
def used(home):
    """A home in which the DAG has run."""
    fill(home.dags, "first")
    assert "first" in run_once(home, "r1")
    return home


def test_a_moved_home_runs_the_dags_that_moved_with_it(used, tmp_path):
    shutil.move(used.folder, tmp_path / "moved")
    moved = Home(tmp_path / "moved", used.address)

    assert listed(moved) == {"one": str(moved.dags / "one.py")}
    assert f"from {moved.dags / 'one.py'} first" in run_once(moved, "r2")
    assert [row["state"] for row in moved.json("dags", "list-runs", "-d", "one")] == [
        "success",
        "success",
    ]


@pytest.mark.sqlite
def test_a_home_of_a_renamed_user_needs_no_change(tmp_path):
    home = Home(tmp_path / "alice" / "airflow-lite")
    fill(home.dags, "hers")
    run_once(home, "r1")
    (tmp_path / "alice").rename(tmp_path / "alicia")
    renamed = Home(tmp_path / "alicia" / "airflow-lite")

    assert f"from {renamed.dags / 'one.py'} hers" in run_once(renamed, "r2")


@pytest.mark.sqlite
def test_a_copied_home_runs_its_own_files_beside_the_original(used, tmp_path):
    shutil.copytree(used.folder, tmp_path / "copy", symlinks=True)
    copy = Home(tmp_path / "copy")
    fill(copy.dags, "second")

    assert listed(copy) == {"one": str(copy.dags / "one.py")}
    with used.scheduler():
        assert "second" in run_once(copy, "r2")
        used.run("dags", "trigger", "one", "-r", "r2", "--wait")
    assert "first" in used.run("tasks", "logs", "one", "say", "r2").stdout


WAITS = """
import time
from datetime import datetime
from pathlib import Path
from airflow_lite import DAG, PythonOperator

HERE = Path(__file__).parent.parent

def wait(run_id):
    (HERE / "begun").touch()
    while not (HERE / "gate").exists():
        time.sleep(0.05)

with DAG("waits", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="wait", python_callable=wait)
"""


@pytest.mark.sqlite
def test_a_copy_of_a_home_in_use_ends_nothing_of_the_original(home, tmp_path, wait_until):
    home.dag("waits", WAITS)
    soon = {"BEAT_INTERVAL_S": "0.3", "BEAT_TIMEOUT_S": "1"}
    with home.scheduler():
        home.run("dags", "trigger", "waits", "-r", "r")
        wait_until((home.folder / "begun").exists, "the task to begin")
        shutil.copytree(home.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.bell"))
        copy = Home(tmp_path / "copy")
        copy.environ |= {f"AIRFLOW_LITE__SCHEDULER__{name}": soon[name] for name in soon}

        def state_of(one):
            return one.run_states("waits")["r"]

        with copy.scheduler():
            wait_until(lambda: state_of(copy) == "failed", "the copy to lose the task")
        (home.folder / "gate").touch()
        wait_until(lambda: state_of(home) != "running", "the run of the original to end")

    assert state_of(home) == "success"


def test_another_dag_folder_has_the_dags_that_the_one_before_had(used, tmp_path):
    fill(tmp_path / "elsewhere", "second")
    used.environ["AIRFLOW_LITE__CORE__DAGS_FOLDER"] = str(tmp_path / "elsewhere")

    assert listed(used) == {"one": str(tmp_path / "elsewhere" / "one.py")}
    assert "second" in run_once(used, "r2")


def test_what_another_dag_folder_has_not_is_gone_until_the_folder_is_back(used, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    used.environ["AIRFLOW_LITE__CORE__DAGS_FOLDER"] = str(tmp_path / "elsewhere")
    assert listed(used) == {}

    del used.environ["AIRFLOW_LITE__CORE__DAGS_FOLDER"]
    assert listed(used) == {"one": str(used.dags / "one.py")}


@pytest.mark.parametrize("with_link", [True, False], ids=["behind a link", "named by themselves"])
def test_each_release_has_the_dags_of_the_one_before(home, tmp_path, with_link):
    fill(tmp_path / "releases" / "1", "first")
    fill(tmp_path / "releases" / "2", "second")
    current = tmp_path / "current"

    def deploy(number):
        if with_link:
            current.unlink(missing_ok=True)
            current.symlink_to(tmp_path / "releases" / number)
        folder = current if with_link else tmp_path / "releases" / number
        home.environ["AIRFLOW_LITE__CORE__DAGS_FOLDER"] = str(folder)

    deploy("1")
    assert "first" in run_once(home, "r1")
    deploy("2")
    assert "second" in run_once(home, "r2")
    shutil.rmtree(tmp_path / "releases" / "1")
    assert "second" in run_once(home, "r3")


def test_a_release_is_followed_while_the_scheduler_runs(home, tmp_path):
    fill(tmp_path / "releases" / "1", "first")
    fill(tmp_path / "releases" / "2", "second")
    current = tmp_path / "current"
    current.symlink_to(tmp_path / "releases" / "1")
    home.environ["AIRFLOW_LITE__CORE__DAGS_FOLDER"] = str(current)

    with home.scheduler():
        home.run("dags", "trigger", "one", "-r", "r1", "--wait")
        (tmp_path / "next").symlink_to(tmp_path / "releases" / "2")
        (tmp_path / "next").rename(current)
        home.run("dags", "trigger", "one", "-r", "r2", "--wait")

    assert "first" in home.run("tasks", "logs", "one", "say", "r1").stdout
    assert "second" in home.run("tasks", "logs", "one", "say", "r2").stdout


@pytest.mark.sqlite
def test_a_restored_database_finds_the_files_where_they_are_now(used, tmp_path):
    backup = tmp_path / "backup.db"
    with sqlite3.connect(used.folder / "airflow_lite.db") as database:
        database.execute("VACUUM INTO ?", (str(backup),))
    database.close()
    (used.dags / "one.py").rename(used.dags / "renamed.py")
    assert listed(used) == {"one": str(used.dags / "renamed.py")}

    restored = Home(tmp_path / "restored")
    shutil.copytree(used.dags, restored.dags, dirs_exist_ok=True)
    shutil.copy(backup, restored.folder / "airflow_lite.db")

    assert listed(restored) == {"one": str(restored.dags / "renamed.py")}
    assert f"from {restored.dags / 'renamed.py'} first" in run_once(restored, "r2")
