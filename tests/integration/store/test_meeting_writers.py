"""Two transactions of PostgreSQL that make one thing at once: the second finds it, and none fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from airflow_lite.config import Config
from airflow_lite.errors import DagRunAlreadyExists
from airflow_lite.parsing.pool import FileResult
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import pools, schema
from airflow_lite.store.dag_saving import keep_version, save_results
from airflow_lite.store.engine import open_store
from fixtures.databases import SETTING
from fixtures.store_rows import add_dag, add_run
from fixtures.waits import DEADLINE_S

SPEC = DagSpec("d", {"t": TaskSpec("t")})
_WAITING = """
SELECT count(*) FROM pg_locks
WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())
"""


@pytest.fixture
def stores(tmp_path, made_postgres):
    """One database as two processes have it, each with a connection."""
    config = Config.load({"AIRFLOW_LITE_HOME": str(tmp_path), SETTING: made_postgres()})
    stores = [open_store(config) for _ in range(2)]
    yield stores
    for store in stores:
        store.close()


@pytest.fixture
def store(stores):
    return stores[0]


@pytest.fixture
def meet(stores, wait_until):
    """Do a thing in a transaction, and again in another before the first is over; return both."""

    def meet(act):
        def second():
            with stores[1].begin() as connection:
                return act(connection)

        with ThreadPoolExecutor(1) as threads:
            with stores[0].begin() as connection:
                first = act(connection)
                waiting = threads.submit(second)
                wait_until(lambda: connection.exec_driver_sql(_WAITING).scalar(), "it waits")
            return first, waiting

    return meet


def test_of_two_that_set_a_new_pool_the_second_changes_it(store, meet):
    slots = iter([1, 2])
    first, second = meet(
        lambda connection: pools.set_pool(
            connection, "new", next(slots), "", include_deferred=False
        )
    )
    assert (first, second.result(DEADLINE_S)) == (True, False)
    with store.read() as connection:
        assert pools.the_pool(connection, "new").slots == 2


def test_of_two_that_make_one_run_the_second_is_told_that_it_is_there(store, meet):
    with store.begin() as connection:
        version = add_dag(connection, SPEC)

    def trigger(connection):
        try:
            return add_run(connection, SPEC, version)
        except DagRunAlreadyExists:  # whoever catches it can go on in its transaction
            return connection.execute(schema.dag_run.select()).first().run_id

    first, second = meet(trigger)
    assert isinstance(first, int)
    assert second.result(DEADLINE_S) == "r"


def save_file(connection):
    (saved,) = save_results(connection, [FileResult("d.py", "1", (SPEC,))], 1)
    return saved.error


@pytest.mark.parametrize(
    "act", [save_file, lambda connection: keep_version(connection, SPEC, 1)], ids=["file", "run"]
)
def test_two_that_save_a_dag_give_it_one_version(store, meet, act):
    first, second = meet(act)
    assert second.result(DEADLINE_S) == first
    with store.read() as connection:
        assert connection.execute(select(schema.dag_version.c.number)).all() == [(1,)]
