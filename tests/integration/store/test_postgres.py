"""A home whose metadata database is on a PostgreSQL server."""

from __future__ import annotations

import subprocess

import pytest

from fixtures.databases import SETTING
from fixtures.homes import Home

WIDE = """
from datetime import datetime
from airflow_lite import DAG, task
with DAG("wide", start_date=datetime(2024, 1, 1), schedule=None):
    @task
    def one(): return 1
    one()
"""


@pytest.fixture
def url(new_postgres):
    return new_postgres()


@pytest.fixture
def served(tmp_path, url):
    """A home on the server."""
    return Home(tmp_path / "home", {SETTING: url})


@pytest.mark.parametrize("prefix", ["postgresql", "postgres", "postgresql+psycopg"])
def test_each_way_to_write_the_address_is_understood(served, url, prefix):
    served.environ[SETTING] = prefix + url.removeprefix("postgresql")
    assert served.run("db", "check").stderr == ""


def at_once(home, *words):
    processes = [
        home.start(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(4)
    ]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    return "".join(said)


@pytest.mark.parametrize(
    "words", [["pools", "list"], ["db", "migrate"], ["db", "migrate", "--use-migration-files"]]
)
def test_commands_that_meet_on_an_empty_database_make_it_once(served, words):
    said = at_once(served, *words)
    assert said.count("Made the metadata") + said.count("Brought the metadata") == 1
    assert served.execute("SELECT name FROM pool") == [("default_pool",)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("airflow:", "airflow:not", "password authentication failed"),
        ("/test_", "/no_", "does not exist"),
        ("127.0.0.1", "nowhere.invalid", "nowhere.invalid"),
    ],
)
def test_an_address_that_is_wrong_is_told_in_one_line_without_the_password(
    served, url, old, new, said
):
    served.environ[SETTING] = url.replace(old, new)
    error = served.run("db", "check", exit_code=1).stderr
    assert error.count("\n") == 1
    assert said in error
    assert url.partition("airflow:")[2].partition("@")[0] not in error


def test_a_second_scheduler_is_refused_by_name_until_the_first_is_dead(served, wait_until):
    with served.scheduler() as first:
        wait_until(lambda: served.run("jobs", "check", exit_code=None).returncode == 0, "a job")
        refused = served.run("scheduler", "-n", "1", exit_code=1).stderr
        assert f"Another scheduler uses this database: pid {first.pid} on " in refused
        first.kill()
        served.run("scheduler", "-n", "1")


def test_a_run_ends_with_its_xcoms_and_history(served, wait_until):
    served.dag("wide", WIDE)
    with served.scheduler():
        served.run("dags", "trigger", "wide", "-r", "r", "--wait")
    assert served.execute("SELECT value FROM xcom") == [("1",)]
    history = served.execute("SELECT to_state FROM task_event ORDER BY id")
    assert history[-1] == ("success",)
