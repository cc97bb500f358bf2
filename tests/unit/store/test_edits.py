"""What a user's edits write, and that the owner of a run is told of them."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.errors import DagNotFound, UserError
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.states import TaskInstanceState
from airflow_lite.store import edits, listing, pools
from airflow_lite.store.engine import open_store
from airflow_lite.store.schema import attempt, dag_run, task_instance
from fixtures.store_rows import add_dag, add_run

NOW_US = 1_700_000_000_000_000
TOKEN = "0" * 32
SPEC = DagSpec(
    "d",
    tasks={
        "a": TaskSpec("a", downstream=("b",), retries=2),
        "b": TaskSpec("b", upstream=("a",)),
    },
)


@pytest.fixture
def store(tmp_path):
    """A store with DAG d and its run r, state running, nothing decided of its tasks."""
    opened = open_store(Config(tmp_path))
    with opened.begin() as connection:
        add_run(connection, SPEC, add_dag(connection, SPEC), at_us=NOW_US, state="running")
    yield opened
    opened.close()


def set_instance(store, task_id, **values):
    with store.begin() as connection:
        connection.execute(
            task_instance.update().where(task_instance.c.task_id == task_id).values(**values)
        )


def end_run(store, state="failed"):
    with store.begin() as connection:
        connection.execute(dag_run.update().values(state=state, start_us=1, end_us=2))


def the_run(store):
    with store.read() as connection:
        return listing.the_run(connection, "d", "r")


def instance(store, task_id):
    with store.read() as connection:
        return listing.the_instance(connection, listing.the_run(connection, "d", "r"), task_id)


def clear(store, *task_ids):
    with store.begin() as connection:
        rows = edits.instances_to_clear(connection, "d", task_ids)
        chosen = [
            edits.Clearable(
                row["id"], row["dag_run_id"], row["state"], SPEC.tasks[row["task_id"]].retries
            )
            for row in rows
        ]
        return edits.clear(connection, chosen, now_us=NOW_US)


def test_a_cleared_task_runs_again_with_its_retries_after_the_tries_it_had(store):
    set_instance(store, "a", state="failed", try_number=3, max_tries=2, attempt=TOKEN, end_us=5)

    clear(store, "a")

    found = instance(store, "a")
    assert (found["state"], found["max_tries"], found["try_number"]) == (None, 5, 3)
    assert (found["attempt"], found["end_us"]) == (None, None)


def test_clearing_what_runs_asks_its_host_to_kill_it_and_keeps_the_token(store):
    set_instance(store, "a", state="running", try_number=1, attempt=TOKEN, supervisor="s")

    clear(store, "a")

    found = instance(store, "a")
    assert (found["state"], found["attempt"], found["supervisor"]) == ("restarting", TOKEN, "s")
    assert found["max_tries"] == 3


def test_clearing_queues_a_run_again_that_was_over(store):
    set_instance(store, "b", state="upstream_failed")
    end_run(store)

    assert clear(store, "b") == {the_run(store)["id"]}

    run = the_run(store)
    assert (run["state"], run["start_us"], run["end_us"]) == ("queued", None, None)
    assert (run["clear_number"], run["row_version"]) == (1, 1)


def test_clearing_leaves_a_run_going_on_and_tells_its_owner(store):
    set_instance(store, "a", state="success")

    clear(store, "a")

    run = the_run(store)
    assert (run["state"], run["row_version"]) == ("running", 1)


def test_what_changed_since_it_was_read_is_not_cleared(store):
    set_instance(store, "a", state="failed", try_number=1)
    with store.begin() as connection:
        (row,) = edits.instances_to_clear(connection, "d", {"a"})
        stale = edits.Clearable(row["id"], row["dag_run_id"], "success", 2)
        edits.clear(connection, [stale], now_us=NOW_US)

    assert instance(store, "a")["state"] == "failed"


def test_an_edit_is_in_the_history_with_the_user_as_its_actor(store):
    set_instance(store, "a", state="failed")
    clear(store, "a")

    with store.read() as connection:
        last = listing.history(connection, the_run(store)["id"], "a")[-1]
    assert (last["from_state"], last["to_state"], last["actor"], last["cause"], last["at_us"]) == (
        "failed",
        None,
        "user",
        "cleared",
        NOW_US,
    )


def test_only_instances_in_the_wanted_states_and_dates_are_to_clear(store):
    set_instance(store, "a", state="failed")
    with store.read() as connection:
        found = edits.instances_to_clear(connection, "d", states={TaskInstanceState.FAILED})
        late = edits.instances_to_clear(connection, "d", start_us=NOW_US + 1)
        early = edits.instances_to_clear(connection, "d", end_us=NOW_US - 1)
    assert [row["task_id"] for row in found] == ["a"]
    assert (late, early) == ([], [])


def test_a_mark_keeps_the_token_and_tells_the_owner(store):
    set_instance(store, "a", state="running", attempt=TOKEN)
    with store.begin() as connection:
        edits.mark(
            connection, [instance(store, "a")["id"]], TaskInstanceState.SUCCESS, now_us=NOW_US
        )

    found = instance(store, "a")
    assert (found["state"], found["attempt"], found["end_us"]) == ("success", TOKEN, NOW_US)
    assert the_run(store)["row_version"] == 1


def test_pausing_tells_the_owner_once(store):
    with store.begin() as connection:
        assert edits.set_paused(connection, ["d"], paused=True) == 1
        assert edits.set_paused(connection, ["d"], paused=True) == 0
        row = listing.the_dag(connection, "d")
    assert (row["is_paused"], row["row_version"]) == (True, 1)


def test_a_deleted_dag_leaves_no_row(store):
    set_instance(store, "a", state="failed")
    with store.begin() as connection:
        count = edits.delete_dag(connection, "d")
        left = connection.exec_driver_sql(
            "SELECT (SELECT count(*) FROM dag_run) + (SELECT count(*) FROM task_instance)"
            " + (SELECT count(*) FROM dag_version) + (SELECT count(*) FROM task_event)"
        ).scalar()
        with pytest.raises(DagNotFound):
            listing.the_dag(connection, "d")
    assert (count, left) == (6, 0)


def test_a_dag_with_a_running_task_is_not_deleted(store):
    set_instance(store, "a", state="running")

    with pytest.raises(UserError, match="1 task.s. queued or running"), store.begin() as connection:
        edits.delete_dag(connection, "d")


def test_an_attempt_by_hand_is_a_new_try_under_its_own_token(store):
    with store.begin() as connection:
        run = listing.the_run(connection, "d", "r")
        row = listing.the_instance(connection, run, "a")
        token = edits.queue_by_hand(connection, row, pool="small", now_us=NOW_US)
        again = edits.queue_by_hand(connection, row, pool=None, now_us=NOW_US)
        attempts = connection.execute(attempt.select()).mappings().all()

    found = instance(store, "a")
    assert (found["state"], found["try_number"], found["pool"]) == ("queued", 1, "small")
    assert found["attempt"] == token
    assert again is None
    assert [row["token"] for row in attempts] == [token]


def test_the_default_pool_stays_and_slots_have_a_floor(store):
    with store.begin() as connection:
        with pytest.raises(UserError, match="default_pool cannot be deleted"):
            pools.delete_pool(connection, "default_pool")
        with pytest.raises(UserError, match="cannot have -2 slots"):
            pools.set_pool(connection, "p", -2, "", include_deferred=False)
        assert pools.set_pool(connection, "p", -1, "", include_deferred=False)
        assert not pools.set_pool(connection, "p", 3, "", include_deferred=True)


def test_an_unknown_dag_is_answered_with_the_nearest(store):
    with store.read() as connection, pytest.raises(DagNotFound, match="no DAG 'dd'"):
        listing.the_dag(connection, "dd")


def test_a_run_may_stay_over_while_its_tasks_are_cleared(store):
    set_instance(store, "a", state="failed", try_number=1)
    end_run(store)

    with store.begin() as connection:
        rows = edits.instances_to_clear(connection, "d", ["a"])
        chosen = [edits.clearable(row, SPEC) for row in rows]
        edits.clear(connection, chosen, now_us=NOW_US, reopens_runs=False)

    assert (instance(store, "a")["state"], the_run(store)["state"]) == (None, "failed")
    assert (the_run(store)["clear_number"], the_run(store)["row_version"]) == (1, 1)


def test_a_run_is_deleted_with_all_that_is_of_it_and_no_other(store):
    with store.begin() as connection:
        other = add_run(connection, SPEC, 1, run_id="s", at_us=NOW_US + 1, state="success")
        edits.delete_run(connection, listing.the_run(connection, "d", "r")["id"])

    with store.read() as connection:
        assert [row["run_id"] for row in listing.runs(connection, "d")] == ["s"]
        assert len(listing.instances(connection, other)) == 2
        assert connection.execute(task_instance.select()).mappings().all()[0]["dag_run_id"] == other


def test_a_run_whose_tasks_run_is_not_deleted(store):
    set_instance(store, "a", state="running")

    with store.begin() as connection, pytest.raises(UserError) as raised:
        edits.delete_run(connection, listing.the_run(connection, "d", "r")["id"])

    assert str(raised.value) == (
        "The run has 1 task(s) queued or running. Stop it first, and wait for them."
    )


def test_a_pool_gets_another_name(store):
    with store.begin() as connection:
        pools.set_pool(connection, "old", 3, None, include_deferred=True)
        pools.rename_pool(connection, "old", "new")
        row = pools.the_pool(connection, "new")

    assert (row["slots"], row["description"], row["include_deferred"]) == (3, None, True)
