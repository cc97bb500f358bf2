"""Task instances are found by their keys, whatever else there is of those DAGs and runs."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import queued
from airflow_lite.store.engine import open_store
from fixtures.store_rows import add_run, add_version

DAGS = RUNS = TASKS = range(4)


@pytest.fixture
def store(tmp_path):
    with_store = open_store(Config(tmp_path))
    with with_store.begin() as connection:
        for number in DAGS:
            spec = DagSpec(f"d{number}", tasks={f"t{i}": TaskSpec(f"t{i}") for i in TASKS})
            version = add_version(connection, spec)
            for at in RUNS:
                conf = {"dag": number, "run": at}
                add_run(connection, spec, version, f"r{at}", at, conf=conf)
    yield with_store
    with_store.close()


def test_each_key_gives_its_own_row_and_run(store):
    keys = [TaskInstanceKey(f"d{n}", f"t{n}", f"r{n}", 1) for n in DAGS]
    absent = TaskInstanceKey("d1", "t1", "r9", 1)
    with store.read() as connection:
        found = queued.find(connection, [*keys, absent])

    assert found.keys() == {key.primary for key in keys}
    assert [found[key.primary].run.conf for key in keys] == [{"dag": n, "run": n} for n in DAGS]


def test_runs_that_nobody_asks_for_are_not_read(store, monkeypatch):
    keys = [TaskInstanceKey(f"d{n}", f"t{n}", f"r{n}", 1) for n in DAGS]
    read = []
    make = queued.stored_run
    monkeypatch.setattr(queued, "stored_run", lambda row: read.append(row[:3]) or make(row))
    with store.read() as connection:
        queued.find(connection, keys)

    assert sorted(row[1:] for row in read) == [(f"d{n}", f"r{n}") for n in DAGS]


@pytest.mark.parametrize(
    ("table", "column", "junk"),
    [
        ("dag_run", "conf", "{"),
        ("dag_run", "conf", "[1]"),
        ("dag_run", "conf", "[" * 100_000),
        ("dag_run", "run_type", b"\xff"),
        ("dag_run", "logical_us", "junk"),
        ("task_instance", "try_number", "junk"),
        ("task_instance", "max_tries", 2**63 - 1),
    ],
)
def test_a_row_that_makes_no_sense_is_missing_and_hides_no_other(
    store, table, column, junk, caplog
):
    column_of = {"dag_run": "id", "task_instance": "dag_run_id"}[table]
    with store.begin() as connection:
        statement = (
            f"UPDATE {table} SET {column} = ? WHERE {column_of} ="
            " (SELECT id FROM dag_run WHERE dag_id = 'd1' AND run_id = 'r1')"
        )
        connection.exec_driver_sql(statement, (junk,))
    keys = [TaskInstanceKey(f"d{n}", f"t{n}", f"r{n}", 1) for n in DAGS]
    with store.read() as connection:
        found = queued.find(connection, keys)
    assert found.keys() == {key.primary for key in keys if key.dag_id != "d1"}
    assert all("task 't1' of run 'r1' cannot be read: " in line for line in caplog.messages)
    assert len(caplog.messages) == 1
