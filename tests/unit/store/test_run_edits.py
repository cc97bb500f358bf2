"""What users decide of whole runs."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import edits, run_edits, schema
from airflow_lite.store.engine import open_store
from fixtures.store_rows import add_job, add_run, add_version

STATES = (None, "scheduled", "queued", "running", "up_for_retry", "up_for_reschedule", "success")
NAMES = [f"t{number}" for number in range(len(STATES))]
SPEC = DagSpec("d", tasks={name: TaskSpec(name) for name in [*NAMES, "down"]})


@pytest.fixture
def connection(tmp_path):
    store = open_store(Config.load({"AIRFLOW_LITE_HOME": str(tmp_path)}))
    with store.begin() as connection:
        yield connection
    store.close()


@pytest.fixture
def run(connection):
    """A running run with a task in each state, and one more that has none."""
    run = add_run(connection, SPEC, add_version(connection, SPEC), state="running")
    for name, state in zip(NAMES, STATES, strict=True):
        row = schema.task_instance.update().where(schema.task_instance.c.task_id == name)
        connection.execute(row.values(state=state, attempt=f"{name}-token"))
    return run


def states(connection):
    query = sa.select(schema.task_instance.c.task_id, schema.task_instance.c.state)
    return dict(connection.execute(query).all())


def run_row(connection, run):
    return connection.execute(sa.select(schema.dag_run).where(schema.dag_run.c.id == run)).one()


def test_a_stopped_run_has_failed_what_ran_and_skipped_the_rest(connection, run):
    before = run_row(connection, run).row_version
    assert run_edits.stop(connection, run, now_us=5) == 7
    assert [states(connection)[name] for name in NAMES] == [
        *["skipped"] * 3,
        "failed",
        "skipped",
        "failed",
        "success",
    ]
    row = run_row(connection, run)
    assert (row.state, row.end_us) == ("failed", 5)
    assert row.row_version > before
    tokens = connection.execute(sa.select(schema.task_instance.c.attempt)).scalars().all()
    assert f"{NAMES[3]}-token" in tokens  # its host sees the mark under it


def test_marking_a_run_failed_leaves_its_teardowns_to_run(connection, run):
    assert not run_edits.set_failed(connection, run, ["down"], now_us=5)
    assert states(connection)["down"] is None
    assert states(connection)["t3"] == "failed"
    assert states(connection)["t0"] == "upstream_failed"  # or the run might end well
    assert run_row(connection, run).state == "running"


def test_marking_a_run_failed_ends_it_where_no_teardown_is_to_run(connection, run):
    assert run_edits.set_failed(connection, run, [], now_us=5)
    assert states(connection)["t0"] == "skipped"
    assert run_row(connection, run).state == "failed"


def test_marking_a_run_success_gives_it_to_all_but_teardowns(connection, run):
    assert not run_edits.set_success(connection, run, ["down"], now_us=5)
    assert {states(connection)[name] for name in NAMES} == {"success"}
    assert states(connection)["down"] is None
    assert run_edits.set_success(connection, run, [], now_us=6)
    assert run_row(connection, run).state == "success"


def test_a_run_that_is_over_goes_on_once_it_is_queued(connection, run):
    assert not run_edits.set_queued(connection, run, now_us=5)
    run_edits.stop(connection, run, now_us=5)
    assert run_edits.set_queued(connection, run, now_us=6)
    assert run_row(connection, run).state == "queued"


def test_a_test_that_is_cleared_is_a_scheduler_s_run(connection, run):
    job_id = add_job(connection, hostname="h", state="failed")
    connection.execute(schema.dag_run.update().values(job_id=job_id, state="failed"))
    instance = connection.execute(sa.select(schema.task_instance)).first()
    edits.clear(
        connection, [edits.Clearable(instance.id, run, instance.state, retries=0)], now_us=5
    )
    row = run_row(connection, run)
    assert (row.state, row.job_id) == ("queued", None)


def test_a_note_takes_the_place_of_the_last_one(connection, run):
    run_edits.note_run(connection, run, "first")
    run_edits.note_run(connection, run, "second")
    instance = connection.execute(sa.select(schema.task_instance.c.id)).scalar()
    run_edits.note_instance(connection, instance, "slow")

    notes = connection.execute(sa.select(schema.task_instance.c.id, schema.task_instance.c.note))
    assert run_row(connection, run).note == "second"
    assert {row.id: row.note for row in notes if row.note} == {instance: "slow"}
