"""A home whose PostgreSQL is behind a pooler that gives each transaction whichever session it has."""

from __future__ import annotations

import psycopg
import pytest

from airflow_lite.config import Config
from airflow_lite.errors import StoreError
from airflow_lite.store import doorbell
from airflow_lite.store.engine import open_store
from fixtures.databases import SETTING
from fixtures.homes import Home

DIRECT = "AIRFLOW_LITE__DATABASE__SQL_ALCHEMY_CONN_DIRECT"
HOSTNAME = "AIRFLOW_LITE__CORE__HOSTNAME"
POLL = "AIRFLOW_LITE__SCHEDULER__FALLBACK_POLL_S"
DEAF = "A connection pooler such as PgBouncer is in front of PostgreSQL"
SOURCE = """
from datetime import datetime
from airflow_lite import DAG, task
with DAG("pooled", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=20):
    @task
    def one(): return 1
    @task
    def two(number): return number + 1
    for _ in range(10):
        two(one())
"""


BOTH = """
from airflow_lite import DAG, EmptyOperator
for name in ("d0", "d1", "d2"):
    with DAG(name, schedule=None):
        EmptyOperator(task_id="a")
"""


@pytest.fixture
def direct_url(made_postgres):
    return made_postgres()


@pytest.fixture
def pooled_url(direct_url, pgbouncer_url):
    return pgbouncer_url.rpartition("/")[0] + "/" + direct_url.rpartition("/")[2]


@pytest.fixture
def make_pooled(tmp_path, pooled_url):
    def make(name="home", **settings):
        home = Home(tmp_path / name, {SETTING: pooled_url, **settings})
        home.dag("pooled", SOURCE)
        return home

    return make


@pytest.fixture
def open_pooled(pooled_url):
    """Open stores through the pooler."""
    stores = []

    def opened(**settings):
        config = Config.load({SETTING: pooled_url, **settings})
        stores.append(open_store(config))
        return config, stores[-1]

    yield opened
    for store in stores:
        store.close()


def trigger(home, run_id):
    home.run("dags", "trigger", "pooled", "-r", run_id, "--wait", "--timeout", "120")


def test_what_records_ends_waits_for_the_disk_since_nobody_sees_the_server_go(open_pooled):
    _, store = open_pooled()
    with store.begin_recording() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_runs_end_and_commands_work_through_it(make_pooled):
    home = make_pooled(**{POLL: "0.2"})
    with home.scheduler() as scheduler:
        for run_id in ("first", "second"):
            trigger(home, run_id)
    (line,) = [line for line in scheduler.output().splitlines() if DEAF in line]
    assert line.endswith("changes that commands make are seen after up to 0.2 s.")
    home.run("pools", "set", "small", "2", "a pool")
    home.run("tasks", "clear", "pooled", "--yes")
    home.run("jobs", "check", exit_code=1)
    states = home.execute("SELECT state, count(*) FROM task_instance GROUP BY 1")
    assert states == [(None, 40)]
    assert len(home.json("dags", "list-runs", "-d", "pooled")) == 2


_OWNERS = "SELECT owner_job_id, count(*) FROM dag GROUP BY 1"


def test_each_of_two_schedulers_hears_commands_by_the_direct_address(
    make_pooled, direct_url, wait_until
):
    first, second = (
        make_pooled(name, **{POLL: "86400", DIRECT: direct_url, HOSTNAME: name})
        for name in ("one", "another")
    )
    for home in (first, second):
        home.dag("both", BOTH)
    with first.scheduler() as one, second.scheduler() as another:

        def is_shared():
            return [(bool(job), count) for job, count in first.execute(_OWNERS)] == [(True, 2)] * 2

        wait_until(is_shared, "each to own two DAGs", homes=[first, second])
        for name in ("d0", "d1", "d2"):
            second.run("dags", "trigger", name, "--wait", "--timeout", "120")
        trigger(first, "pooled")
    assert DEAF not in one.output() + another.output()


def test_a_direct_address_that_is_a_pooler_is_told(open_pooled, pooled_url, caplog, wait_until):
    bell = doorbell.hang(*open_pooled(**{DIRECT: pooled_url}))
    wait_until(lambda: "it must pool sessions" in caplog.text, "it is told")
    bell.close()


@pytest.mark.parametrize(
    ("address", "said"),
    [("sqlite:////tmp/x.db", "is for PostgreSQL alone"), ("nonsense", "cannot be used")],
)
def test_a_direct_address_that_is_none_is_refused_by_the_settings_name(open_pooled, address, said):
    config, store = open_pooled(**{DIRECT: address})
    with pytest.raises(StoreError, match=f"sql_alchemy_conn_direct .*{said}"):
        doorbell.hang(config, store)


def test_a_scheduler_whose_direct_address_is_none_does_not_begin(make_pooled):
    home = make_pooled(**{DIRECT: "mysql://elsewhere/db"})
    home.run("pools", "list")  # makes the tables, and says so
    error = home.run("scheduler", "-n", "1", exit_code=1).stderr
    assert error.count("\n") == 1
    assert "[database] sql_alchemy_conn_direct cannot be used: 'mysql' is not supported" in error
    assert home.execute("SELECT * FROM job") == []


def test_each_transaction_has_its_bounds_and_leaves_the_session_none(open_pooled, pooled_url):
    _, store = open_pooled()
    settings = ("lock_timeout", "idle_in_transaction_session_timeout")
    for begin in (store.begin, store.begin_one):
        with begin() as connection:
            within = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in settings]
        assert within == ["5s", "6s"]
    with psycopg.connect(pooled_url, autocommit=True) as another:
        after = [another.execute(f"SHOW {name}").fetchone() for name in settings]
    assert after == [("0",), ("0",)]


def test_a_statement_that_is_repeated_is_prepared_in_no_session(open_pooled, pooled_url):
    _, store = open_pooled()
    for number in range(12):  # a driver prepares what it has sent five times
        with store.begin() as connection:
            assert connection.exec_driver_sql("SELECT %s", (number,)).scalar() == number
    with psycopg.connect(pooled_url, autocommit=True) as another:
        row = another.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    assert row == (0,)
