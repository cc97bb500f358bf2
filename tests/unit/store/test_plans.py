"""No statement of a scheduler or a task host reads a whole table of history."""

from __future__ import annotations

import inspect

import pytest

from airflow_lite.config import Config
from airflow_lite.store.engine import open_store
from fixtures.query_plans import recorded_statements, table_scans
from fixtures.store_calls import CALLS, NOW, SPEC
from fixtures.store_rows import add_run, add_version

#: These grow with what was run; every other table with what there is.
HISTORY = {
    *("dag_run", "task_instance", "attempt", "task_event", "xcom", "callback_request"),
    *("dataset_event", "dataset_consumption"),
}


@pytest.fixture
def store(tmp_path):
    with_store = open_store(Config(tmp_path))
    with with_store.begin() as connection:
        add_run(connection, SPEC, add_version(connection, SPEC), "first", now_us=NOW)
    yield with_store
    with_store.close()


@pytest.mark.parametrize("module", CALLS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_no_function_reads_a_whole_table_of_history(store, module):
    with (
        recorded_statements(store) as found,
        store.engine.connect() as connection,
        connection.begin() as transaction,
    ):
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for call in CALLS[module].values():
            call(connection)
        transaction.rollback()
    assert len({text for text, _ in found}) >= len(CALLS[module])
    assert {scan for scan in table_scans(store, found) if scan[0] in HISTORY} == set()


@pytest.mark.parametrize("module", CALLS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_function_that_takes_a_connection_is_looked_at(module):
    public = {
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_")
        and function.__module__ == module.__name__
        and next(iter(inspect.signature(function).parameters)) == "connection"
    }
    assert public - {"database_now_us", "lock_jobs"} == set(CALLS[module])
