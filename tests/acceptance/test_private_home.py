"""A home is its owner's alone, whatever the umask that a service manager or a shell has."""

from __future__ import annotations

import os
import stat

import pytest

from fixtures.waits import DEADLINE_S

pytestmark = pytest.mark.any_database

DAG = """
from datetime import datetime
from airflow_lite import DAG, BashOperator, PythonOperator

with DAG("one", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="a", python_callable=lambda: "secret")
    BashOperator(task_id="b", bash_command="umask")
"""


@pytest.fixture
def _no_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_no_umask")
def test_nothing_of_a_home_is_open_to_others_under_umask_0(home, tmp_path):
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "one.py").write_text(DAG)
    own = tmp_path / "private" / "home"
    home.environ["AIRFLOW_LITE_HOME"] = str(own)
    home.environ["AIRFLOW_LITE__CORE__DAGS_FOLDER"] = str(dags)

    home.run("plugins", "list")
    with home.scheduler():
        home.run("dags", "trigger", "one", "-r", "r", "--wait")
        files = [own.parent, own, *own.rglob("*")]
        modes = {str(file): stat.S_IMODE(file.lstat().st_mode) for file in files}

    assert len(modes) > 10
    assert {file: oct(bits) for file, bits in modes.items() if bits & 0o077} == {}
    # What a task writes goes by the umask that the scheduler was started with.
    assert "INFO - 0000" in home.run("tasks", "logs", "one", "b", "r").stdout


def test_what_its_group_can_write_to_is_named_at_start(home):
    home.folder.chmod(0o770)
    line = f"Its group can write to {home.folder}, and so run code as this user"
    with home.scheduler(options=["--num-runs", "1"]) as scheduler:
        scheduler.process.wait(DEADLINE_S)
    assert line in scheduler.output()


@pytest.mark.parametrize("name", ["cache/plugins.json", "cache/probes.json"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.write_text("[" * 100_000)])
def test_a_broken_cache_stops_no_command(home, name, make):
    home.run("plugins", "list")
    path = home.folder / name
    path.unlink(missing_ok=True)
    make(path)

    for words in (["--help"], ["plugins", "list"], ["version"]):
        home.run(*words, timeout=DEADLINE_S)
