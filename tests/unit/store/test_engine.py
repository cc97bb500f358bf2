"""The connection to the database, when several processes make it at one time."""

from __future__ import annotations

import sqlite3

import pytest

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
