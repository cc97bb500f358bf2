"""The connection to the database: its address, its driver, and others that make it, too."""

from __future__ import annotations

import os
import sqlite3
import sys

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import StoreError
from airflow_lite.store import engine


class Contended:
    """A connection to a database that others make: locked for the first `times` looks."""

    def __init__(self, times: int) -> None:
        self.looks = 0
        self._times = times

    def execute(self, statement: str) -> None:
        self.looks += 1
        assert statement == "PRAGMA journal_mode = WAL"
        if self.looks <= self._times:
            raise sqlite3.OperationalError("database is locked")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(engine, "_WAL_PAUSE_S", 0)


def test_who_makes_a_database_with_others_waits_for_them():
    connection = Contended(3)

    engine._use_wal(connection, 20)  # type: ignore[arg-type]

    assert connection.looks == 4


def test_a_database_that_stays_locked_is_given_up_after_the_busy_timeout():
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        engine._use_wal(Contended(10**9), 0)  # type: ignore[arg-type]


def test_another_error_is_not_waited_for():
    class Broken(Contended):
        def execute(self, statement: str) -> None:
            self.looks += 1
            raise sqlite3.OperationalError("disk I/O error")

    connection = Broken(0)
    with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
        engine._use_wal(connection, 20)  # type: ignore[arg-type]
    assert connection.looks == 1


@pytest.mark.parametrize("prefix", ["postgresql", "postgres", "postgresql+psycopg"])
def test_an_address_of_postgresql_means_the_driver_that_the_extra_brings(prefix):
    assert engine._known_url(f"{prefix}://host/name").drivername == "postgresql+psycopg"


def test_another_driver_is_kept_as_it_is_named():
    url = engine._known_url("postgresql+psycopg2://host/name")

    assert url.drivername == "postgresql+psycopg2"


@pytest.mark.parametrize(
    ("module", "address", "said"),
    [
        ("psycopg", "postgresql://h/d", "needs a driver: pip install 'airflow-lite[postgres]'"),
        ("psycopg2", "postgresql+psycopg2://h/d", "a driver that is not installed: psycopg2"),
    ],
)
def test_a_missing_driver_is_told_with_what_brings_it(tmp_path, monkeypatch, module, address, said):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN", address)

    with pytest.raises(StoreError) as refused:
        engine.make_engine(Config.load({**os.environ, "AIRFLOW_LITE_HOME": str(tmp_path)}))

    assert said in str(refused.value)
