"""It is noticed when a file of the SQLite store in use is not the one that others see."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from airflow_lite.config import Config
from airflow_lite.store.engine import open_store, write_log_back
from airflow_lite.store.files import StoreFiles


@pytest.fixture
def store(tmp_path):
    made = open_store(Config(tmp_path))
    with made.begin() as connection:
        connection.exec_driver_sql("INSERT INTO pool (name, slots) VALUES ('mine', 1)")
    yield made
    made.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "airflow_lite.db"


def test_files_that_are_left_alone_are_the_same(store):
    files = StoreFiles(store)
    with store.begin() as connection:
        connection.exec_driver_sql("INSERT INTO pool (name, slots) VALUES ('more', 1)")

    assert files.fault() is None


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
@pytest.mark.parametrize("act", [os.unlink, lambda file: os.rename(file, f"{file}.old")])
def test_a_log_that_was_removed_or_moved_is_noticed(store, path, suffix, act):
    files = StoreFiles(store)
    act(f"{path}{suffix}")

    assert files.fault() == (
        f"{path}{suffix}, a part of the metadata database, was removed or moved"
    )
    assert files.is_intact


def test_a_log_that_others_began_in_its_place_is_noticed(store, path):
    files = StoreFiles(store)
    os.unlink(f"{path}-wal")
    os.unlink(f"{path}-shm")
    assert not files.is_begun_anew()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE others (id INTEGER)")
        other.commit()

        assert files.fault() is not None
        assert files.is_begun_anew()


def test_a_log_that_was_begun_anew_since_nobody_used_it_is_no_fault(store, path):
    files = StoreFiles(store)
    store.close()
    assert not os.path.exists(f"{path}-wal")
    with store.begin() as connection:
        connection.exec_driver_sql("INSERT INTO pool (name, slots) VALUES ('more', 1)")

    assert files.fault() is None
    os.unlink(f"{path}-wal")
    assert files.fault() is not None


def test_new_files_that_have_each_others_old_numbers_are_no_fault(store):
    files = StoreFiles(store)
    files._beside = dict(zip(files._beside, reversed(files._beside.values()), strict=True))

    assert files.fault() is None


def test_a_database_that_was_replaced_is_noticed(store, path):
    files = StoreFiles(store)
    path.rename(path.with_suffix(".old"))
    assert files.fault() == f"The metadata database {path} was removed, moved or replaced"
    path.touch()

    assert files.fault() == f"The metadata database {path} was removed, moved or replaced"
    assert not files.is_intact


def test_what_a_removed_log_holds_can_be_written_back(store, path):
    os.unlink(f"{path}-wal")
    os.unlink(f"{path}-shm")
    write_log_back(store)

    with closing(sqlite3.connect(path)) as other:
        assert ("mine",) in other.execute("SELECT name FROM pool").fetchall()


def test_a_new_database_holds_its_tables_without_its_log(tmp_path, path):
    made = open_store(Config(tmp_path))
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())

    with closing(sqlite3.connect(copy)) as other:
        assert other.execute("SELECT version_num FROM alembic_version").fetchall()
    made.close()
