"""A database that this user may read and not write: one line says so, and what to do."""

from __future__ import annotations

import ctypes

import pytest

from fixtures.homes import Home

pytestmark = pytest.mark.sqlite

DAG = """
from datetime import datetime
from airflow_lite import DAG, EmptyOperator
with DAG("one", schedule=None, start_date=datetime(2024, 1, 1)):
    EmptyOperator(task_id="a")
"""
_DROP_CAPABILITY, _OVERRIDE_MODES, _READ_ALL = 24, 1, 2
ADVICE = "let this user write to it (with SQLite to its file and its folder)"


class OrdinaryHome(Home):
    """A home whose commands are held by the modes of files, even where root runs the tests."""

    def start(self, *words, **options):
        return super().start(*words, preexec_fn=_give_up_overriding, **options)


def _give_up_overriding():
    for capability in (_OVERRIDE_MODES, _READ_ALL):
        ctypes.CDLL(None).prctl(_DROP_CAPABILITY, capability, 0, 0, 0)


@pytest.fixture
def home(tmp_path):
    made = OrdinaryHome(tmp_path / "home")
    made.dag("one", DAG)
    made.run("dags", "list")
    database = made.folder / "airflow_lite.db"
    database.chmod(0o400)
    yield made
    database.chmod(0o600)


@pytest.mark.parametrize(
    "words",
    [
        ("dags", "trigger", "one"),
        ("dags", "pause", "one"),
        ("dags", "test", "one"),
        ("scheduler", "-n", "1"),
    ],
)
def test_who_must_write_is_told_what_to_do(home, words):
    done = home.run(*words, exit_code=1)
    assert "readonly database" in done.stderr
    assert ADVICE in done.stderr
    assert "Traceback" not in done.stderr


def test_who_reads_is_served(home):
    assert [row["dag_id"] for row in home.json("dags", "list")] == ["one"]
    assert home.json("dags", "list-runs", "-d", "one") == []
