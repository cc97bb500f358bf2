"""A deferred instance goes on once, as whoever came first wrote, and under its token alone."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from airflow_lite.spec.deferral import FAIL
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import deferrals, edits, scheduling
from airflow_lite.store.schema import callback_request, pool, task_instance, xcom
from fixtures.store_rows import add_dag, add_run

NOW = 1_700_000_000_000_000
TOKEN, OTHER = "a" * 32, "b" * 32
KEY = (1, TOKEN)
SPEC = DagSpec("d", tasks={"t": TaskSpec("t")})


@pytest.fixture
def connection(rig):
    with rig.store.begin() as connection:
        add_run(connection, SPEC, add_dag(connection, SPEC), "r", NOW, now_us=NOW)
        set_row(
            connection,
            state="deferred",
            attempt=TOKEN,
            try_number=1,
            trigger_spec='{"class":"x.Y","kwargs":{}}',
            next_method="later",
            next_kwargs='{"a":1}',
            next_at_us=NOW + 5,
        )
        yield connection


def set_row(connection, **values):
    connection.execute(task_instance.update().values(**values))


def row_of(connection):
    return connection.execute(sa.select(task_instance)).mappings().one()


def test_what_waits_is_told_with_all_that_runs_it(connection):
    (row,) = deferrals.waiting(connection, [1, 99])
    assert (row.id, row.attempt, row.trigger_spec) == (1, TOKEN, '{"class":"x.Y","kwargs":{}}')
    assert (row.dag_id, row.task_id, row.run_id, row.try_number, row.map_index) == (
        "d", "t", "r", 1, -1,
    )  # fmt: skip


def test_an_event_is_added_to_the_arguments(connection):
    deferrals.resume(connection, {KEY: '{"x":[1]}'}, "me", NOW)

    row = row_of(connection)
    assert (row["state"], row["next_method"], row["attempt"]) == ("scheduled", "later", TOKEN)
    assert json.loads(row["next_kwargs"]) == {"a": 1, "event": {"x": [1]}}
    assert (row["trigger_spec"], row["next_at_us"], row["changed_by"]) == (None, None, "me")


def test_only_the_first_event_counts(connection):
    deferrals.resume(connection, {KEY: "1"}, "me", NOW)
    deferrals.resume(connection, {KEY: "2"}, "me", NOW)
    deferrals.fail(connection, {KEY: ["late"]}, "me", NOW)
    deferrals.end(connection, KEY, "failed", {}, "me", NOW)

    assert json.loads(row_of(connection)["next_kwargs"])["event"] == 1
    assert row_of(connection)["state"] == "scheduled"


def test_another_token_or_state_changes_nothing(connection):
    before = row_of(connection)
    for key in ((1, OTHER), (2, TOKEN)):
        deferrals.resume(connection, {key: "1"}, "me", NOW)
        deferrals.fail(connection, {key: ["why"]}, "me", NOW)
        deferrals.end(connection, key, "success", {"k": "1"}, "me", NOW)
    assert row_of(connection) == before
    assert connection.execute(sa.select(xcom)).all() == []


def test_a_failure_has_its_reason_in_place_of_the_arguments(connection):
    deferrals.fail(connection, {KEY: ["Traceback", "no"]}, "me", NOW)

    row = row_of(connection)
    assert (row["state"], row["next_method"]) == ("scheduled", FAIL)
    assert json.loads(row["next_kwargs"]) == {
        "error": "Trigger failure",
        "traceback": ["Traceback", "no"],
    }


@pytest.mark.parametrize(
    ("state", "asked"),
    [("success", "on_success"), ("failed", "on_failure"), ("skipped", None)],
)
def test_a_trigger_may_end_the_task_with_xcoms_and_callbacks(connection, state, asked):
    deferrals.end(connection, KEY, state, {"k": "1"}, "me", NOW)

    row = row_of(connection)
    assert (row["state"], row["end_us"], row["next_method"]) == (state, NOW, None)
    pushed = connection.execute(sa.select(xcom.c.key, xcom.c.value)).all()
    assert pushed == [("k", "1")]
    requests = connection.execute(sa.select(callback_request.c.payload)).scalars()
    assert [json.loads(one)["callback"] for one in requests] == ([asked] if asked else [])


def test_what_is_over_its_time_goes_on_to_fail(connection):
    change = {
        "row": 1,
        "was_state": "deferred",
        "was_attempt": TOKEN,
        "to_state": "scheduled",
        "to_try": None,
        "actor": "me",
        "cause": "late",
        "now_us": NOW,
    }
    assert scheduling.write_changes(connection, [change]) == 1

    row = row_of(connection)
    assert (row["next_method"], row["trigger_spec"], row["next_at_us"]) == (FAIL, None, None)
    assert json.loads(row["next_kwargs"]) == {"error": "Trigger/execution timeout"}


def test_a_clear_forgets_what_was_waited_for(connection):
    edits.clear(connection, [edits.Clearable(1, 1, "deferred", 0)], now_us=NOW)

    row = row_of(connection)
    assert (row["state"], row["trigger_spec"], row["next_method"]) == (None, None, None)


@pytest.mark.parametrize(("counts", "left"), [(False, 5), (True, 2)])
def test_what_waits_takes_slots_of_pools_that_say_so(connection, counts, left):
    set_row(connection, pool="p", pool_slots=3)
    connection.execute(
        pool.insert().values(name="p", slots=5, description="", include_deferred=counts)
    )
    assert scheduling.pool_room(connection, 99)["p"] == scheduling.PoolRoom(left, 5)


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_new_try_begins_at_the_beginning(connection, goes_on):
    row = {
        "row": 1,
        "was_state": "deferred",
        "was_attempt": TOKEN,
        "run_version": 0,
        "token": OTHER,
        "try_number": 2,
        "try_started_us": None,
        "stuck": 0,
        "goes_on": goes_on,
        "version": None,
        "executor_name": "e",
        "actor": "me",
        "cause": "x",
        "now_us": NOW,
    }
    assert scheduling.queue_attempts(connection, [row]) == 1
    assert row_of(connection)["next_method"] == ("later" if goes_on else None)
