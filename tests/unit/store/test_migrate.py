"""A store made at once and one made step by step are the same; what upgrades refuse."""

from __future__ import annotations

import io
import re
import sqlite3
from pathlib import Path

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import StoreError, UserError
from airflow_lite.store import migrate
from airflow_lite.store.engine import open_store
from airflow_lite.store.revision import HEAD


def made(home: Path, *, use_files: bool) -> dict[tuple[str, str], list[str]]:
    """Make a store and return its schema: (type, name) to normalised SQL."""
    home.mkdir()
    migrate.migrate(Config(home), use_files=use_files)
    with sqlite3.connect(home / "airflow_lite.db") as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    connection.close()
    return {(kind, name): normal(sql) for kind, name, sql in rows if "alembic_version" not in name}


def normal(sql: str | None) -> list[str]:
    """Return the clauses of a statement, whatever its layout and the order of its constraints."""
    text = re.sub(r"\s+", " ", sql or "").replace('"', "")
    text = re.sub(r"DEFAULT \((-?\d+)\)", r"DEFAULT \1", text)  # older alembics write it so
    return sorted(clause.strip(" ()") for clause in re.split(r", (?![^()]*\))", text))


def test_both_ways_of_making_a_store_give_the_same_schema(tmp_path):
    at_once = made(tmp_path / "at_once", use_files=False)
    by_steps = made(tmp_path / "by_steps", use_files=True)

    assert by_steps == at_once
    assert ("trigger", "task_instance_event") in at_once


def test_both_ways_make_the_default_pool_and_the_stamp(tmp_path):
    for use_files in (False, True):
        made(tmp_path / str(use_files), use_files=use_files)
        with sqlite3.connect(tmp_path / str(use_files) / "airflow_lite.db") as connection:
            pools = connection.execute("SELECT name, slots FROM pool").fetchall()
            stamp = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        connection.close()
        assert (pools, stamp) == ([("default_pool", 128)], [(HEAD,)])


def test_the_last_migration_file_is_the_head_of_the_program():
    assert migrate._script().get_current_head() == HEAD


def stamped(home: Path, revision: str) -> Config:
    config = Config(home)
    migrate.migrate(config)
    with sqlite3.connect(home / "airflow_lite.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()
    return config


def test_a_store_of_a_newer_program_is_refused(tmp_path):
    config = stamped(tmp_path, "9999")

    with pytest.raises(StoreError, match="'9999', which this airflow-lite does not know"):
        migrate.migrate(config)


def test_an_unknown_revision_is_refused_and_changes_nothing(tmp_path):
    config = Config(tmp_path)

    with pytest.raises(UserError, match="no revision 'nope'"):
        migrate.migrate(config, to="nope")

    assert migrate.migrate(config).startswith("Made the metadata database")


def test_a_second_migration_has_nothing_to_do(tmp_path):
    config = Config(tmp_path)
    migrate.migrate(config)

    assert migrate.migrate(config).endswith(f"is at revision {HEAD} already.")


def test_the_sql_of_an_upgrade_is_shown_and_not_run(tmp_path):
    output = io.StringIO()

    migrate.sql_of_upgrade(Config(tmp_path), output)

    assert "CREATE TABLE task_instance" in output.getvalue()
    assert "CREATE TRIGGER task_instance_event" in output.getvalue()
    assert migrate.migrate(Config(tmp_path)).startswith("Made")


def test_reset_empties_every_table(tmp_path):
    config = Config(tmp_path)
    store = open_store(config)
    with store.begin() as connection:
        connection.exec_driver_sql("INSERT INTO pool (name, slots) VALUES ('mine', 1)")
    store.close()

    migrate.reset(config)

    store = open_store(config)
    with store.read() as connection:
        names = connection.exec_driver_sql("SELECT name FROM pool").scalars().all()
    store.close()
    assert names == ["default_pool"]


def test_absolute_paths_become_relative_and_files_elsewhere_own_nothing(tmp_path):
    config = Config(tmp_path)
    migrate.migrate(config, to="0001", use_files=True)
    paths = {"here": f"{tmp_path}/dags/team/a.py", "elsewhere": "/old/dags/a.py"}
    with sqlite3.connect(tmp_path / "airflow_lite.db") as connection:
        for name, path in paths.items():
            connection.execute(
                "INSERT INTO dag (dag_id, fileloc, is_paused) VALUES (?, ?, true)", (name, path)
            )
            connection.execute(
                "INSERT INTO dag_file VALUES (?, 'x', 1, 1, '[]', '', '[]', '')", [path]
            )

    migrate.migrate(config)

    dags = connection.execute("SELECT dag_id, fileloc, is_active, is_paused FROM dag").fetchall()
    files = connection.execute("SELECT path, fingerprint FROM dag_file").fetchall()
    connection.close()
    assert dags == [("here", "team/a.py", 1, 1), ("elsewhere", "/old/dags/a.py", 0, 1)]
    assert files == [("team/a.py", "")]


def test_a_database_that_is_none_is_told_in_one_line(tmp_path):
    (tmp_path / "airflow_lite.db").write_text("this is not a database, whatever its name says\n")

    with pytest.raises(StoreError, match="file is not a database"):
        migrate.check(Config(tmp_path))
