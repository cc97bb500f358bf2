"""The checker finds what breaks the promises; each rule is shown to bite."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import schema
from airflow_lite.store.engine import open_store
from airflow_lite_testing.checker import check
from fixtures.store_rows import add_run, add_version

FIRST, SECOND = "1" * 32, "2" * 32


@pytest.fixture
def store(tmp_path):
    """A store with one run of one task, over as it should be."""
    store = open_store(Config.load({"AIRFLOW_LITE_HOME": str(tmp_path)}))
    spec = DagSpec("d", tasks={"a": TaskSpec("a")})
    with store.begin() as connection:
        add_run(connection, spec, add_version(connection, spec))
        connection.execute(schema.dag_run.update().values(state="success"))
    move(store, "queued", FIRST)
    add_attempt(store, FIRST)
    move(store, "running", FIRST)
    move(store, "success", FIRST)
    yield store
    store.close()


def move(store, state, token, try_number=1, actor="host"):
    with store.begin() as connection:
        connection.execute(
            schema.task_instance.update().values(
                state=state, attempt=token, try_number=try_number, changed_by=actor
            )
        )


def add_attempt(store, token, try_number=1, **values):
    with store.begin() as connection:
        connection.execute(
            schema.attempt.insert().values(
                token=token, task_instance_id=1, try_number=try_number, queued_us=0, **values
            )
        )


def rules(store):
    return {finding.rule for finding in check(store)}


def test_a_plain_history_holds(store):
    assert rules(store) == set()


def test_a_state_may_not_leave_its_graph(store):
    move(store, "queued", SECOND)
    assert "states move along their graph" in rules(store)


def test_a_user_may_clear_what_is_over(store):
    move(store, None, None, actor="user")
    move(store, "success", None)
    assert rules(store) == set()


def test_an_attempt_may_not_start_twice(store):
    move(store, "running", FIRST, actor="user")
    move(store, "success", FIRST)
    assert {"an attempt starts at most once", "at most one outcome is accepted"} <= rules(store)


def test_a_claimed_attempt_ends_its_try(store):
    with store.begin() as connection:
        connection.execute(schema.attempt.update().values(claimed_us=1))
    move(store, None, None, actor="user")
    move(store, "queued", SECOND)
    add_attempt(store, SECOND)
    move(store, "running", SECOND)
    move(store, "success", SECOND)
    assert rules(store) == {"a try that was claimed has no second attempt"}


def test_tries_have_a_limit(store):
    move(store, "success", FIRST, try_number=2)
    assert rules(store) == {"tries have a limit"}


def test_a_failed_attempt_says_why(store):
    with store.begin() as connection:
        connection.execute(schema.attempt.update().values(outcome="failed", ended_us=1))
    assert rules(store) == {"a failure has a cause"}


def test_every_run_ends_and_leaves_nothing_behind(store):
    with store.begin() as connection:
        connection.execute(schema.dag_run.update().values(state="running"))
    move(store, "running", FIRST, actor="user")
    assert {"every run ends", "nothing is left behind"} <= rules(store)
