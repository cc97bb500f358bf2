"""A state that a user gives to tasks, and what follows for those below them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.states import TaskInstanceState
from airflow_lite.store import marking, schema
from airflow_lite.store.engine import open_store
from fixtures.store_rows import add_run, add_version

SPEC = DagSpec(
    "d",
    tasks={
        "a": TaskSpec("a", downstream=("b",)),
        "b": TaskSpec("b", upstream=("a",), downstream=("c",)),
        "c": TaskSpec("c", upstream=("b",)),
        "x": TaskSpec("x"),
    },
)
STATES = {"a": "failed", "b": "upstream_failed", "c": "upstream_failed", "x": "failed"}


@pytest.fixture
def connection(tmp_path):
    """A store with two runs of the DAG that failed alike."""
    store = open_store(Config.load({"AIRFLOW_LITE_HOME": str(tmp_path)}))
    with store.begin() as connection:
        version = add_version(connection, SPEC)
        for number, run_id in enumerate(("r", "s")):
            add_run(connection, SPEC, version, run_id=run_id, at_us=number, state="failed")
        for name, state in STATES.items():
            row = schema.task_instance.update().where(schema.task_instance.c.task_id == name)
            connection.execute(row.values(state=state))
        yield connection
    store.close()


def rows(connection):
    query = sa.select(schema.task_instance, schema.dag_run.c.run_id).join(schema.dag_run)
    return connection.execute(query.order_by(schema.task_instance.c.id)).mappings().all()


def mark(connection, run_id, task_id, state):
    chosen = [
        row for row in rows(connection) if (row["run_id"], row["task_id"]) == (run_id, task_id)
    ]
    return marking.set_state(connection, SPEC, chosen, TaskInstanceState(state), now_us=5)


def states(connection, run_id):
    return {row["task_id"]: row["state"] for row in rows(connection) if row["run_id"] == run_id}


@pytest.mark.parametrize("state", ["success", "skipped"])
def test_below_a_success_what_had_failed_goes_on_in_that_run_alone(connection, state):
    marked = mark(connection, "r", "a", state)

    assert (len(marked.runs), marked.again) == (1, 2)
    assert states(connection, "r") == {"a": state, "b": None, "c": None, "x": "failed"}
    assert states(connection, "s") == STATES


def test_below_a_failure_nothing_goes_on(connection):
    marked = mark(connection, "r", "b", "failed")

    assert marked.again == 0
    assert states(connection, "r") == {**STATES, "b": "failed"}


def test_a_task_that_the_dag_has_no_more_is_marked_alone(connection):
    spec = DagSpec("d", tasks={"x": TaskSpec("x")})
    gone = [row for row in rows(connection) if row["task_id"] == "b"]
    marked = marking.set_state(connection, spec, gone, TaskInstanceState.SUCCESS, now_us=5)

    assert (len(marked.runs), marked.again) == (2, 0)
    assert states(connection, "s") == {**STATES, "b": "success"}
