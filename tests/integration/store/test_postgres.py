"""A home whose metadata database is on a PostgreSQL server."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy.exc import DBAPIError

from airflow_lite.config import Config
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import attempts
from airflow_lite.store.engine import create, lock_schema, open_store, revision
from airflow_lite.store.faults import MOST_PASSING
from airflow_lite.store.migrate import bare_store
from airflow_lite.store.schema import task_instance
from fixtures.databases import SETTING
from fixtures.homes import Home
from fixtures.store_rows import add_dag, add_run
from fixtures.waits import DEADLINE_S

WIDE = """
from datetime import datetime
from airflow_lite import DAG, task
with DAG("wide", start_date=datetime(2024, 1, 1), schedule=None):
    @task
    def one(): return 1
    one()
"""


@pytest.fixture
def url(new_postgres):
    return new_postgres()


@pytest.fixture
def served(tmp_path, url):
    """A home on the server."""
    return Home(tmp_path / "home", {SETTING: url})


@pytest.mark.parametrize("prefix", ["postgresql", "postgres", "postgresql+psycopg"])
def test_each_way_to_write_the_address_is_understood(served, url, prefix):
    served.environ[SETTING] = prefix + url.removeprefix("postgresql")
    assert served.run("db", "check").stderr == ""


def at_once(home, *words):
    processes = [
        home.start(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(4)
    ]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    return "".join(said)


@pytest.mark.parametrize(
    "words", [["pools", "list"], ["db", "migrate"], ["db", "migrate", "--use-migration-files"]]
)
def test_commands_that_meet_on_an_empty_database_make_it_once(served, words):
    said = at_once(served, *words)
    assert said.count("Made the metadata") + said.count("Brought the metadata") == 1
    assert served.execute("SELECT name FROM pool") == [("default_pool",)]


_WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
"""


def test_who_waited_while_another_made_the_tables_makes_none(served, wait_until):
    config = Config.load({"AIRFLOW_LITE_HOME": str(served.folder), **served.environ})
    with bare_store(config) as ours, bare_store(config) as theirs, ThreadPoolExecutor() as threads:
        assert revision(ours) is None  # the session remembers what it did not find
        with theirs.begin() as connection:
            lock_schema(connection)
            waiting = threads.submit(create, ours, config)
            wait_until(lambda: connection.exec_driver_sql(_WAITING).scalar() == 1, "it waits")
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('made')")
        assert waiting.result(DEADLINE_S) is False


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("airflow:", "airflow:not", "password authentication failed"),
        ("/test_", "/no_", "does not exist"),
        ("127.0.0.1", "nowhere.invalid", "nowhere.invalid"),
    ],
)
def test_an_address_that_is_wrong_is_told_in_one_line_without_the_password(
    served, url, old, new, said
):
    served.environ[SETTING] = url.replace(old, new)
    error = served.run("db", "check", exit_code=1).stderr
    assert error.count("\n") == 1
    assert said in error
    assert url.partition("airflow:")[2].partition("@")[0] not in error


def test_a_run_ends_with_its_xcoms_and_history(served, wait_until):
    served.dag("wide", WIDE)
    with served.scheduler():
        served.run("dags", "trigger", "wide", "-r", "r", "--wait")
    assert served.execute("SELECT value FROM xcom") == [("1",)]
    history = served.execute("SELECT to_state FROM task_event ORDER BY id")
    assert history[-1] == ("success",)


@pytest.fixture
def open_served(served):
    """Open stores on the home's database."""
    stores = []

    def opened():
        config = Config.load({"AIRFLOW_LITE_HOME": str(served.folder), **served.environ})
        stores.append(open_store(config))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


_POOLS = "SELECT count(*) FROM pool"
_NEW_POOL = "INSERT INTO pool (name, slots) VALUES ('new', 1)"


def test_what_a_transaction_reads_is_of_one_moment(open_served):
    ours, theirs = open_served(), open_served()
    with ours.read() as connection:
        assert connection.exec_driver_sql(_POOLS).scalar() == 1
        with theirs.begin() as another:
            another.exec_driver_sql(_NEW_POOL)
        assert connection.exec_driver_sql(_POOLS).scalar() == 1
    with ours.read_one() as connection:
        assert connection.exec_driver_sql(_POOLS).scalar() == 2


def test_a_transaction_for_reading_writes_nothing(open_served):
    with (
        pytest.raises(DBAPIError, match="read-only transaction"),
        open_served().read() as connection,
    ):
        connection.exec_driver_sql(_NEW_POOL)


def test_a_connection_that_was_cut_between_transactions_is_made_again(open_served, wait_until):
    ours, theirs = open_served(), open_served()
    pid = "SELECT pg_backend_pid()"
    with ours.read() as connection:
        cut = connection.exec_driver_sql(pid).scalar()
    with theirs.read_one() as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(%s)", (cut,))
        left = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
        wait_until(lambda: not connection.exec_driver_sql(left, (cut,)).scalar(), "it is cut")
    with ours.begin() as connection:
        assert connection.exec_driver_sql(pid).scalar() != cut


def test_a_transaction_costs_a_message_to_begin_and_one_to_end(open_served, monkeypatch):
    store = open_served()
    sent = []
    execute, commit = psycopg.Cursor.execute, psycopg.Connection.commit
    monkeypatch.setattr(
        psycopg.Cursor,
        "execute",
        lambda cursor, query, *values, **options: (
            sent.append(query.split()[0].strip(";")) or execute(cursor, query, *values, **options)
        ),
    )
    monkeypatch.setattr(
        psycopg.Connection, "commit", lambda connection: sent.append("COMMIT") or commit(connection)
    )
    for opened in (store.begin, store.read):
        with opened() as connection:
            connection.exec_driver_sql(_POOLS)
    assert sent == ["BEGIN", "SELECT", "COMMIT"] * 2
    sent.clear()
    for opened in (store.read_one, store.begin_one):
        with opened() as connection:
            connection.exec_driver_sql(_POOLS)
            line = connection.connection.driver_connection
            assert line.info.transaction_status == TransactionStatus.IDLE
    assert "BEGIN" not in sent


def test_only_what_queues_attempts_and_records_ends_waits_for_no_disk(open_served):
    store = open_served()
    asked = "SHOW synchronous_commit"
    for begin in (lambda: store.begin_queueing(["default_pool"]), store.begin_recording):
        with begin() as connection:
            assert connection.exec_driver_sql(asked).scalar() == "off"
    with store.begin() as connection:
        assert connection.exec_driver_sql(asked).scalar() == "on"


def test_only_the_end_of_an_attempt_may_wait_for_no_disk_where_it_is_alone(open_served):
    store, host = open_served(), attempts.Supervisor("s", "host", "h", "boot", 1, 1)
    spec = DagSpec("d", tasks={"t": TaskSpec("t")})
    with store.begin() as connection:
        add_run(connection, spec, add_dag(connection, spec), "r", 1, now_us=1)
        queued = task_instance.update().values(state="queued", attempt="t")
        [row] = connection.execute(queued.returning(task_instance.c.id)).scalars()
    asked, seen = "SHOW synchronous_commit", []
    with store.begin_one() as connection:
        assert attempts.claim(connection, [attempts.Claim(row, "t", 1, 1)], host, 1) == {"t"}
    end = attempts.Ended(row, "t", "success", "success", None, 1)
    for is_lazy in (False, True):
        with store.begin() as connection:
            assert attempts.end(connection, [end], host, is_lazy=is_lazy) == {"t"}
            seen.append(connection.exec_driver_sql(asked).scalar())
    with store.begin_one() as connection:
        attempts.end(connection, [end], host, is_lazy=True)
        seen.append(connection.exec_driver_sql(asked).scalar())
    assert seen == ["on", "off", "on"]  # at last, it was for that statement alone


def test_a_statement_that_is_repeated_is_planned_once(served):
    config = Config.load({"AIRFLOW_LITE_HOME": str(served.folder), **served.environ})
    with closing(open_store(config)) as store:
        for number in range(12):  # a driver prepares what it has sent five times
            with store.begin() as connection:
                assert connection.exec_driver_sql("SELECT %s", (number,)).scalar() == number
        with store.read_one() as connection:
            prepared = connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements")
            assert "SELECT $1" in prepared.scalars().all()


def test_tables_of_a_newer_program_are_told_with_what_to_do(served):
    served.run("pools", "list")
    served.execute("UPDATE alembic_version SET version_num = '9999'")
    for words in (["pools", "list"], ["scheduler"], ["db", "check"]):
        error = served.run(*words, exit_code=1).stderr
        assert error.count("\n") == 1
        assert "revision 9999, this program needs " in error
        assert "A newer airflow-lite made it: install that, or use another database." in error


def test_a_command_that_another_writer_keeps_waiting_says_to_try_again(served):
    with closing(open_store(Config.load(served.environ))) as store, store.begin() as connection:
        # Held as long as the command waits, whatever it takes to begin.
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.exec_driver_sql("UPDATE pool SET slots = 7")
        said = served.run("pools", "set", "default_pool", "8", "", exit_code=1).stderr
    assert said == (
        "airflow-lite: error: Another writer of the metadata database was in the way:"
        " canceling statement due to lock timeout. Try again.\n"
    )


@pytest.mark.parametrize("undone", [2, 99])
def test_a_command_whose_transaction_is_undone_for_another_s_does_it_again(served, undone):
    served.run("pools", "list")
    for statement in (
        "CREATE SEQUENCE tries",  # which counts what is undone, too
        "CREATE FUNCTION undo() RETURNS trigger AS $$ BEGIN"
        f" IF nextval('tries') <= {undone} THEN"
        "  RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;"
        " RETURN NEW; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER undo BEFORE INSERT ON pool FOR EACH ROW EXECUTE FUNCTION undo()",
    ):
        served.execute(statement)
    is_done = undone < MOST_PASSING
    done = served.run("pools", "set", "new", "8", "", exit_code=None)
    assert (done.stdout == "Pool new created\n") is is_done
    assert ("was in the way: deadlock detected. Try again.\n" in done.stderr) is not is_done
