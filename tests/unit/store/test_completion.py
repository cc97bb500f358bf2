"""Ids for the Tab key come from SQLite by the standard library, and never break a Tab."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from typing import Any

import pytest

from airflow_lite.config import Config
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import completion
from airflow_lite.store.engine import open_store
from fixtures.store_rows import add_dag, add_run


@pytest.fixture
def database(tmp_path):
    """A database with DAGs `orders` and `old`, the latter gone, and two runs."""
    store = open_store(Config(tmp_path))
    spec = DagSpec("orders", {name: TaskSpec(name) for name in ("load", "look", "send")})
    with store.begin() as connection:
        version = add_dag(connection, spec)
        add_dag(connection, replace(spec, dag_id="old"), is_active=False)
        for number in (1, 2):
            add_run(connection, spec, version, f"manual__{number}:00+00", number)
    store.close()
    return completion.sqlite_path(Config(tmp_path).get("database", "sql_alchemy_conn"))


def values(rows):
    return [value for value, _ in rows]


def test_ids_are_those_that_begin_like_the_word(database):
    assert values(completion.dag_ids(database, "")) == ["orders"]
    assert values(completion.dag_ids(database, "o")) == ["orders"]
    assert values(completion.dag_ids(database, "x")) == []
    assert values(completion.task_ids(database, "orders", "lo")) == ["load", "look"]
    assert values(completion.task_ids(database, "nobody", "")) == []
    assert completion.run_ids(database, "orders", "manual__") == [
        ("manual__2:00+00", "queued"),
        ("manual__1:00+00", "queued"),
    ]
    assert values(completion.pools(database, "def")) == ["default_pool"]


def test_no_word_is_taken_for_sql(database):
    for word in ("'", "%", "o_ders", "*", '";', "\U0010ffff"):
        assert completion.dag_ids(database, word) == []
        assert completion.task_ids(database, word, "") == []


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 100])
def test_a_database_that_cannot_be_read_gives_nothing_and_is_not_made(tmp_path, content):
    path = tmp_path / "a?b%20#.db"
    if content is not None:
        path.write_bytes(content)
    assert completion.dag_ids(str(path), "") == []
    assert path.exists() == (content is not None)


def test_a_writer_does_not_stop_a_tab(database):
    writer = sqlite3.connect(database)
    writer.execute("BEGIN IMMEDIATE")
    assert values(completion.dag_ids(database, "")) == ["orders"]
    writer.close()


def test_every_query_is_served_by_an_index(database, monkeypatch):
    plans: list[Any] = []

    def explain(path, query, given):
        connection = sqlite3.connect(path)
        plans.extend(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", given))
        connection.close()
        return []

    monkeypatch.setattr(completion, "_rows", explain)
    completion.dag_ids(database, "a")
    completion.run_ids(database, "orders", "a")
    assert [plan for plan in plans if not plan.startswith("SEARCH")] == []
    plans.clear()
    completion.task_ids(database, "orders", "a")  # the tasks of one DAG are looked through
    assert [plan for plan in plans if plan.startswith("SCAN") and "VIRTUAL" not in plan] == []


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////a/b.db", "/a/b.db"),
        ("sqlite+pysqlite:////a/b.db?timeout=3", "/a/b.db"),
        ("sqlite://", None),
        ("sqlite:///", None),
        ("postgresql+psycopg://you@host/db", None),
        ("", None),
    ],
)
def test_only_sqlites_urls_name_a_file(url, path):
    assert completion.sqlite_path(url) == path


def test_the_module_imports_nothing_beyond_the_standard_library():
    import subprocess
    import sys

    program = (
        "import sys; import airflow_lite.store.completion as c; c.dag_ids('/nowhere', '');"
        "print('sqlalchemy' in sys.modules, len([m for m in sys.modules if m.startswith('airflow')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.split() == ["False", "3"]
