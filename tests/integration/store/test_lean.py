"""The store of a process that runs one attempt on PostgreSQL: without SQLAlchemy, until it needs it."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from airflow_lite.config import Config
from airflow_lite.errors import StoreError
from airflow_lite.store import attempts, dataset_listing
from airflow_lite.store.engine import open_store
from airflow_lite.store.faults import DatabaseError, cause_of, is_of_rows, is_unanswered
from airflow_lite.store.lean import LeanStore, open_lean
from airflow_lite.store.transactions import session_of
from airflow_lite.worker.host.main import _opened_now
from fixtures.databases import SETTING
from fixtures.hosted import TASK_DECORATOR

HOST = attempts.Supervisor("s", "foreground", "h", "b", 1, 2)
DAG_FILE = (
    "import os\nfrom datetime import datetime\nfrom airflow_lite import DAG, Dataset, DatasetAlias, PythonOperator\n"
    + TASK_DECORATOR
    + """
@task()
def quiet(ti):
    ti.xcom_push("key", 7)
    note("ran", "quiet")

@task()
def asks(ti):
    note("ran", ti.xcom_pull(task_ids="quiet", key="key"))

@task(outlets=[Dataset("s3://a"), DatasetAlias("x")])
def changes(outlet_events):
    outlet_events[DatasetAlias("x")].add(Dataset("b"), extra={"n": 1})

@task(retries=1)
def dies():
    os.kill(os.getpid(), 9)
"""
)


@pytest.fixture
def url(made_postgres):
    return made_postgres()


@pytest.fixture
def config(url):
    config = Config.load({SETTING: url})
    open_store(config).close()  # it makes the tables
    return config


@pytest.fixture
def store(config):
    store = open_lean(config, "tests")
    assert store is not None
    with closing(store):
        yield store


@pytest.fixture
def hosted(make_hosted, url):
    return make_hosted(DAG_FILE, **{SETTING: url, "PYTHONPROFILEIMPORTTIME": "1"})


def run(hosted, task_id, **options):
    """Run one attempt by the command; return the modules that its process imported, in order."""
    token = hosted.queue(task_id)
    words = ("hosted", task_id, "run", "--try-number", "1", "--attempt", token)
    lines = hosted.home.run("tasks", "run", *words, **options).stderr.splitlines()
    return [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")]


def test_an_attempt_is_claimed_and_recorded_without_sqlalchemy(hosted):
    modules = run(hosted, "quiet")

    assert "psycopg" in modules
    assert "sqlalchemy" not in modules
    row = hosted.row("quiet")
    assert (row.state, row.supervisor is None) == ("success", False)
    assert hosted.xcoms("quiet") == {"key": 7}
    (supervisor,) = hosted.supervisors()
    assert (supervisor.kind, supervisor.end_cause) == ("foreground", "ended")


def test_changes_of_datasets_are_recorded_without_sqlalchemy(hosted):
    modules = run(hosted, "changes")

    assert "sqlalchemy" not in modules
    assert hosted.row("changes").state == "success"
    with hosted.store.read() as connection:
        found = {row.uri: row for row in dataset_listing.datasets(connection)}
    assert {uri: row.event_count for uri, row in found.items()} == {"b": 1, "s3://a/": 1}
    assert found["b"].aliases == ["x"]


def test_what_a_task_asks_for_is_answered_by_the_whole_store(hosted):
    run(hosted, "quiet")
    modules = run(hosted, "asks")

    assert "sqlalchemy" in modules
    assert hosted.row("asks").state == "success"
    assert (hosted.home.folder / "ran").read_text().splitlines() == ["quiet", "7"]


def test_an_attempt_whose_process_dies_is_recorded_with_the_retries_of_its_task(hosted):
    run(hosted, "dies")

    assert hosted.row("dies").state == "up_for_retry"


def test_a_host_that_makes_the_tables_does_without_sqlalchemy_from_then_on(url):
    config = Config.load({SETTING: url})
    for name in ("host", "another host"):
        with closing(_opened_now(config, name)) as store:
            assert isinstance(store, LeanStore)


@pytest.mark.parametrize("text", ["no\0text", "x" * 65], ids=["NUL", "too long"])
def test_a_row_that_is_refused_is_told_from_an_outage(store, text):
    with store.begin() as connection:
        with pytest.raises(DatabaseError) as refused, connection.begin_nested():
            attempts.register(connection, _named(text), 1)
        attempts.register(connection, HOST, 1)  # the transaction goes on
    assert is_of_rows(refused.value)
    with store.read_one() as connection:
        assert [*connection.exec_driver_sql("SELECT id FROM supervisor")] == [("s",)]


def _named(text):
    return attempts.Supervisor(text, "foreground", "h", "b", 1, 2)


def test_a_transaction_that_fails_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError), store.begin() as connection:
        attempts.register(connection, HOST, 1)
        _ = 1 / 0
    with store.read() as connection:
        assert [*connection.exec_driver_sql("SELECT id FROM supervisor")] == []


def kill_others(url):
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid != pg_backend_pid()"
        )


def test_a_connection_that_was_lost_is_made_anew(store, url):
    with store.read_one() as connection:
        session = connection.info
    kill_others(url)
    with store.begin() as connection:
        attempts.register(connection, HOST, 1)
        assert connection.info is not session


def test_a_commit_without_an_answer_is_told_as_such(store, url):
    with pytest.raises(DatabaseError) as lost, store.begin() as connection:
        attempts.register(connection, HOST, 1)
        kill_others(url)
    assert is_unanswered(lost.value)
    assert "terminating connection" in cause_of(lost.value)


def shown(store):
    names = ("synchronous_commit", "lock_timeout", "transaction_isolation")
    values = []
    for begin in (store.begin, store.begin_recording, store.begin_one, store.read):
        with begin() as connection:
            for name in names:
                values += [row[0] for row in connection.exec_driver_sql(f"SHOW {name}")]
    return values


def test_a_transaction_waits_for_the_disk_and_for_locks_as_that_of_the_whole_store(store):
    assert shown(store) == shown(store.whole)


def test_the_whole_store_is_on_the_same_connection_and_on_the_next_one(store, url):
    with store.begin() as connection:
        attempts.register(connection, HOST, 1)
        session = session_of(connection)
    before = backend_of(store.whole)
    assert backend_of(store) == before
    with store.whole.begin() as connection:
        attempts.beat(connection, "s", 2)
    with store.begin_one() as connection:
        assert session_of(connection) is session is not None  # nothing has to be written again
    kill_others(url)
    after = backend_of(store.whole)
    assert backend_of(store) == after != before
    with store.read_one() as connection:
        found = connection.exec_driver_sql("SELECT beat_count FROM supervisor")
        assert [*found] == [(1,)]


def backend_of(store):
    """Return the process of the server that serves a store."""
    with store.read() as connection:
        ((pid,),) = connection.exec_driver_sql("SELECT pg_backend_pid()")
    return pid


def test_an_error_of_the_whole_store_leaves_the_connection_in_order(store, url):
    with pytest.raises(ZeroDivisionError), store.whole.begin() as connection:
        attempts.register(connection, HOST, 1)
        _ = 1 / 0
    with (
        pytest.raises(Exception, match="terminating connection"),
        store.whole.begin() as connection,
    ):
        kill_others(url)
        attempts.register(connection, HOST, 1)
    with store.begin() as connection:
        attempts.register(connection, HOST, 1)
    with store.whole.read() as connection:
        assert [*connection.exec_driver_sql("SELECT id FROM supervisor")] == [("s",)]


@pytest.mark.parametrize(
    "change",
    [
        lambda url: "sqlite:////tmp/none.db",
        lambda url: url.replace("postgresql://", "postgresql+other://"),
        lambda url: f"{url}_missing",
        lambda url: f"{url}?no_such_option=1",
    ],
    ids=["SQLite", "another driver", "no database", "an unknown option"],
)
def test_what_is_not_as_it_should_be_is_left_to_the_whole_store(config, url, change):
    assert open_lean(Config.load({SETTING: change(url)}), "tests") is None


def test_a_database_without_tables_is_left_to_the_whole_store(new_postgres):
    assert open_lean(Config.load({SETTING: new_postgres()}), "tests") is None


def test_tables_of_a_newer_program_are_refused(config, url):
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="is at revision 9999, this program needs"):
        open_lean(config, "tests")
