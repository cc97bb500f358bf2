"""An outage of the database is waited for; a loop that only fails gives up."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy.exc import DataError, OperationalError

from airflow_lite.scheduler.loop import loop as loop_module
from airflow_lite.scheduler.loop.loop import SQLITE_BEAT_S
from airflow_lite.scheduler.loop.outage import MOST_FAILURES
from airflow_lite.scheduler.loop.shutdown import POLL_S
from airflow_lite.store import cleaning, schema
from airflow_lite.store.engine import open_store
from airflow_lite.store.faults import MOST_PASSING
from fixtures.databases import SETTING
from fixtures.waits import DEADLINE_S


@pytest.fixture
def locked(make_rig):
    """A rig, and a connection that can hold the write lock of its database."""
    rig = make_rig(database__sqlite_busy_timeout_s=0.01)
    other = sqlite3.connect(rig.config.home / "airflow_lite.db", isolation_level=None)
    yield rig, other
    other.close()


@pytest.mark.sqlite
def test_a_locked_database_is_waited_for(locked, dag_of):
    rig, other = locked
    run = rig.begin(dag_of({"a": ["b"]}))
    other.execute("BEGIN IMMEDIATE")
    rig.loop.step()
    assert rig.run_state(run) == "queued"
    assert 0 < rig.loop.wait_s() <= 0.2
    other.execute("ROLLBACK")
    for _ in range(12):
        rig.clock.advance(1)
        rig.loop.step()
    assert rig.run_state(run) == "success"
    assert rig.findings() == []


@pytest.mark.sqlite
def test_a_run_is_not_set_aside_for_the_databases_fault(locked, dag_of):
    rig, other = locked
    rig.begin(dag_of({"a": ["b"]}, of_task={"a": {"depends_on_past": True}}))
    rig.loop.step()
    other.execute("BEGIN IMMEDIATE")
    rig.loop.step()
    other.execute("ROLLBACK")
    assert rig.loop.context.memory.skipped == {}


def test_a_loop_that_only_fails_gives_up(rig, dag_of, monkeypatch):
    def fail(_world):
        raise ZeroDivisionError("a bug")

    rig.begin(dag_of({"a": []}))
    monkeypatch.setattr(loop_module, "take_reports", fail)
    for _ in range(MOST_FAILURES - 1):
        rig.loop.step()
        rig.clock.advance(10)
    with pytest.raises(ZeroDivisionError):
        rig.loop.step()


def test_an_outage_counts_for_nothing_when_a_loop_gives_up(rig, dag_of, monkeypatch):
    outage = OperationalError("SELECT", {}, Exception("disk I/O error"))
    causes = [*[outage] * (2 * MOST_FAILURES), ZeroDivisionError("a bug")]
    rig.begin(dag_of({"a": []}))

    def fail():
        raise causes.pop(0)

    monkeypatch.setattr(rig.loop, "do_pass", fail)
    while causes:
        rig.clock.advance(10)
        rig.loop.step()


def test_a_loop_that_is_to_stop_in_an_outage_does_not_spin_nor_wait_for_long(
    rig, dag_of, monkeypatch
):
    def fail():
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle()
    monkeypatch.setattr(rig.loop, "do_pass", fail)
    for _ in range(6):
        rig.clock.advance(10)
        rig.loop.step()
    assert rig.loop.wait_s() == 5.0
    rig.loop.stopping.ask()
    rig.clock.advance(POLL_S)
    rig.loop.step()
    assert rig.loop.wait_s() == pytest.approx(POLL_S)


@pytest.mark.sqlite
def test_a_lease_that_could_not_be_renewed_is_renewed_after_the_outage(locked, dag_of):
    rig, other = locked
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle()
    other.execute("BEGIN IMMEDIATE")
    rig.clock.advance(SQLITE_BEAT_S + 1)
    rig.loop.step()
    other.execute("ROLLBACK")
    before = latest_beat(rig)
    for _ in range(3):
        rig.clock.advance(1)
        rig.loop.step()
    assert latest_beat(rig) > before


def test_a_history_that_could_not_be_shortened_is_shortened_later(rig, dag_of, monkeypatch):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle()
    asked = []

    def drop(*_):
        asked.append(rig.clock.monotonic())
        if len(asked) == 1:
            raise OperationalError("DELETE", {}, Exception("disk full"))
        return 0

    monkeypatch.setattr(cleaning, "delete_some", drop)
    for _ in range(3):
        rig.clock.advance(3601)
        rig.loop.step()
    assert len(asked) >= 2


@pytest.mark.sqlite
def test_an_outage_is_told_once_in_one_line_and_so_is_its_end(locked, dag_of, caplog):
    rig, other = locked
    caplog.set_level("INFO")
    rig.begin(dag_of({"a": ["b"]}))
    other.execute("BEGIN IMMEDIATE")
    for _ in range(20):
        rig.clock.advance(10)
        rig.loop.step()
    other.execute("ROLLBACK")
    for _ in range(2):
        rig.clock.advance(10)
        rig.loop.step()
    told = [record for record in caplog.records if "the metadata database" in record.message]
    assert [(record.getMessage(), record.exc_info) for record in told] == [
        (
            "the metadata database cannot be used: database is locked;"
            " it is tried again until it can",
            None,
        ),
        ("the metadata database can be used again", None),
    ]


def test_an_outage_with_another_cause_is_told_anew(rig, dag_of, monkeypatch, caplog):
    causes = ["disk I/O error", "disk I/O error", "database or disk is full"]
    rig.begin(dag_of({"a": []}))

    def fail():
        raise OperationalError("SELECT", {}, Exception(causes.pop(0)))

    monkeypatch.setattr(rig.loop, "do_pass", fail)
    for _ in range(3):
        rig.loop.step()
        rig.clock.advance(10)
    assert [line.split(": ")[1].split(";")[0] for line in caplog.messages] == [
        "disk I/O error",
        "database or disk is full",
    ]


class _Deadlock(Exception):
    sqlstate = "40P01"


def test_another_writer_in_the_way_is_no_outage_until_it_stays_there(
    rig, dag_of, monkeypatch, caplog
):
    rig.begin(dag_of({"a": []}))

    def fail():
        raise OperationalError("UPDATE", {}, _Deadlock("deadlock detected"))

    monkeypatch.setattr(rig.loop, "do_pass", fail)
    for _ in range(MOST_PASSING):
        rig.loop.step()
        rig.clock.advance(10)
    assert [line for line in caplog.messages if "cannot be used" in line] == []
    rig.loop.step()
    assert caplog.messages[-1].startswith(
        "the metadata database cannot be used: deadlock detected; it is tried"
    )


_WAITING = """
SELECT count(*) FROM pg_locks
WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())
"""


def test_a_deadlock_with_another_writer_costs_one_pass(
    make_rig, made_postgres, dag_of, wait_until, caplog
):
    caplog.set_level("INFO")
    rig = make_rig(environ={SETTING: made_postgres()})
    run = rig.begin(dag_of({"a": [], "b": []}))
    rows = {name: rig.instance(name).id for name in "ab"}
    touch = "UPDATE task_instance SET note = 'seen' WHERE id = %s"
    with (
        ThreadPoolExecutor(1) as threads,
        closing(open_store(rig.config)) as store,
        store.begin() as other,
    ):
        other.exec_driver_sql("SET LOCAL deadlock_timeout = '60s'")  # the loop's is found first
        other.exec_driver_sql(touch, (rows["b"],))
        step = threads.submit(rig.loop.step)  # it locks a, and waits for b
        wait_until(lambda: other.exec_driver_sql(_WAITING).scalar(), "the loop to wait")
        other.exec_driver_sql(touch, (rows["a"],))
        step.result(DEADLINE_S)
    for _ in range(12):
        rig.clock.advance(1)
        rig.loop.step()

    assert rig.run_state(run) == "success"
    assert len(rig.executor.executed) == 2
    again = "a pass is made again, another writer was in its way: deadlock detected"
    assert again in caplog.messages
    assert "cannot be used" not in caplog.text
    assert rig.findings() == []


def test_a_row_that_is_refused_where_nobody_expects_it_is_no_outage(
    rig, dag_of, monkeypatch, caplog
):
    rig.begin(dag_of({"a": []}))

    def fail():
        raise DataError("INSERT", {}, Exception("value too long"))

    monkeypatch.setattr(rig.loop, "do_pass", fail)
    for _ in range(MOST_FAILURES - 1):
        rig.loop.step()
        rig.clock.advance(10)
    with pytest.raises(DataError):
        rig.loop.step()
    assert "cannot be used" not in caplog.text


def latest_beat(rig):
    [row] = rig.rows(schema.job)
    return row.latest_beat_us
