"""Whoever changes the store wakes those who schedule, on this machine and on others."""

from __future__ import annotations

import select
import threading
from contextlib import closing

import pytest

from airflow_lite.config import Config
from airflow_lite.store import doorbell
from airflow_lite.store.doorbell import CHANNEL, ring
from airflow_lite.store.engine import open_store
from fixtures.databases import SETTING
from fixtures.homes import Home

#: A look without a ring would come after the test's end.
POLL = "AIRFLOW_LITE__SCHEDULER__FALLBACK_POLL_S"
NEVER = {POLL: "86400", "AIRFLOW_LITE__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "86400"}
SOURCE = """
from airflow_lite import DAG, EmptyOperator
with DAG("told", schedule=None):
    EmptyOperator(task_id="a")
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request):
    """Settings of a home on each database."""
    if request.param == "sqlite":
        return {}
    return {SETTING: request.getfixturevalue("made_postgres")()}


@pytest.fixture
def config(tmp_path, settings):
    (tmp_path / "home").mkdir()
    return Config.load({"AIRFLOW_LITE_HOME": str(tmp_path / "home"), **settings})


@pytest.fixture
def store(config):
    opened = open_store(config)
    yield opened
    opened.close()


@pytest.fixture
def hang(config, store):
    """Hang a bell that is heard from the first ring on."""
    bells = []

    def hung():
        bell = doorbell.hang(config, store)
        bells.append(bell)
        if not store.is_sqlite:
            assert heard(bell) == [{}]  # what was rung before it listened
        return bell

    yield hung
    for bell in bells:
        bell.close()


def heard(bell):
    assert select.select([bell], [], [], 60)[0], "nobody rang"
    return bell.messages()


def test_a_ring_is_heard_after_the_commit_and_not_before(store, hang):
    bell = hang()
    with store.begin() as connection:
        ring(connection, runs=[7])
        assert bell.messages() == []
    assert heard(bell) == [{"runs": [7]}]


def test_a_ring_of_a_transaction_that_failed_makes_no_later_one_ring(store, hang):
    bell = hang()
    with pytest.raises(ZeroDivisionError), store.begin() as connection:
        ring(connection, runs=[1])
        raise ZeroDivisionError
    bell.messages()  # a hint too much does no harm
    with store.begin() as connection:
        ring(connection, runs=[2])
    assert heard(bell) == [{"runs": [2]}]


def test_a_message_too_long_to_send_says_look_all_over(store, hang):
    bell = hang()
    with store.begin() as connection:
        ring(connection, instances=list(range(100_000)))
    assert heard(bell) == [{}]


def test_a_ring_that_nobody_hears_does_no_harm(store):
    with store.begin() as connection:
        ring(connection)


@pytest.fixture
def url(made_postgres):
    return made_postgres()


class TestPostgres:
    @pytest.fixture
    def settings(self, url):
        return {SETTING: url}

    def test_each_who_listens_hears_each_ring(self, store, hang, config):
        first, second = hang(), hang()
        with store.begin() as connection:
            ring(connection, runs=[1])
        assert heard(first) == heard(second) == [{"runs": [1]}]
        assert list(config.home.iterdir()) == []  # no socket, which one would take from the other

    @pytest.mark.parametrize("junk", ["", "no JSON", "[1]"])
    def test_what_cannot_be_read_says_look_all_over(self, store, hang, junk):
        bell = hang()
        with store.begin() as connection:
            connection.exec_driver_sql(f"NOTIFY {CHANNEL}, '{junk}'")
        assert heard(bell) == [{}]

    def test_who_lost_the_connection_looks_all_over_and_hears_again(self, store, hang):
        bell = hang()
        with store.begin() as connection:
            cut = connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert [row[0] for row in cut] == [True]
        assert heard(bell) == [{}]
        with store.begin() as connection:
            ring(connection, runs=[3])
        assert heard(bell) == [{"runs": [3]}]

    def test_who_cannot_connect_is_told_of_it_once_and_ends_at_once(self, url, caplog, wait_until):
        broken = Config.load({SETTING: url.replace("airflow:", "nobody:")})
        store = open_store(Config.load({SETTING: url}))
        bell = doorbell.hang(broken, store)
        wait_until(lambda: "cannot be listened to" in caplog.text, "it is told")
        bell.close()
        assert caplog.text.count("cannot be listened to") == 1
        assert all(thread.name != "doorbell" for thread in threading.enumerate())
        store.close()


def test_a_command_on_another_machine_wakes_the_scheduler(tmp_path, url, wait_until):
    here = Home(tmp_path / "here", {SETTING: url, **NEVER})
    there = Home(tmp_path / "there", {SETTING: url})
    for home in (here, there):
        home.dag("told", SOURCE)
    with here.scheduler():
        wait_until(lambda: "told" in there.run("dags", "list").stdout, "the file to be known")
        wait_until(lambda: there.run("jobs", "check", exit_code=None).returncode == 0, "a job")
        there.run("dags", "trigger", "told", "--wait", "--timeout", "120")


def test_a_run_notifies_nobody_but_of_its_trigger(tmp_path, url, wait_until):
    home = Home(tmp_path / "home", {SETTING: url})
    home.dag("told", SOURCE)
    config = Config.load(home.environ)
    with home.scheduler(), closing(open_store(config)) as store:
        owned = "SELECT count(*) FROM dag WHERE owner_job_id IS NOT NULL"
        wait_until(lambda: home.execute(owned) == [(1,)], "the DAG to have an owner", homes=[home])
        with closing(doorbell.hang(config, store)) as bell:
            assert heard(bell) == [{}]  # what was rung before it listened
            home.run("dags", "trigger", "told", "--wait", "--timeout", "120")
            with store.begin() as connection:
                ring(connection, runs=["the last"])
            messages = heard(bell)
            while messages[-1] != {"runs": ["the last"]}:
                messages += heard(bell)
    assert messages == [{"runs": [1]}, {"runs": ["the last"]}]
