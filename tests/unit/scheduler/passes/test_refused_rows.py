"""A run or a DAG of which the database refuses a row is set aside with the reason; others go on."""

from __future__ import annotations

import pytest

from airflow_lite.api.executor.events import Refused, Requeue
from airflow_lite.spec.timetable import schedule_spec
from airflow_lite.store import schema
from fixtures.databases import SETTING
from fixtures.store_rows import refuse_rows

SETTINGS = {"start_date_us": 1, "catchup": False}


@pytest.fixture(params=["sqlite", "postgresql"])
def rig(make_rig, request):
    """A rig on either database: an error within a transaction means another thing on each."""
    environ = {}
    if request.param == "postgresql":
        environ[SETTING] = request.getfixturevalue("made_postgres")()
    return make_rig(environ=environ)


@pytest.fixture
def pair(rig, dag_of):
    """Two DAGs alike, each with a run: of one of them rows are refused."""

    def make(edges, **options):
        specs = [dag_of(edges, dag_id=dag_id, **options) for dag_id in ("bad", "good")]
        return [rig.trigger(spec, rig.save(spec)) for spec in specs]

    return make


def refuse(rig, run, condition, table="task_instance"):
    refuse_rows(rig.store, table, f"NEW.dag_run_id = {run} AND {condition}")


def told(caplog, start):
    return [line for line in caplog.messages if line.startswith(start)]


def steps(rig, count=12):
    """Let the loop make passes as it does by itself: one that fails is made again, later."""
    for _ in range(count):
        rig.loop.step()
        rig.clock.advance(1)


@pytest.mark.parametrize("state", ["queued", "upstream_failed"])
def test_a_run_whose_instances_cannot_be_written_is_skipped_alone(rig, pair, caplog, state):
    bad, good = pair({"a": ["b"], "b": ["c"]})
    refuse(rig, bad, f"NEW.state = '{state}'")
    rig.start(outcome=lambda key: "failed" if key.task_id == "b" else "success")
    steps(rig)

    assert [rig.run_state(run) for run in (bad, good)] == ["running", "failed"]
    assert bad in rig.loop.context.memory.skipped
    assert len(told(caplog, "run 'r' of DAG 'bad' cannot be scheduled, and is left out")) == 1
    assert not told(caplog, "the metadata database cannot be used")


def test_a_run_that_cannot_be_written_itself_is_skipped_alone(rig, pair, caplog):
    bad, good = pair({"a": []})
    refuse_rows(rig.store, "dag_run", f"NEW.id = {bad} AND NEW.state = 'running'")
    rig.start()
    steps(rig)

    assert [rig.run_state(run) for run in (bad, good)] == ["queued", "success"]
    assert len(told(caplog, "run 'r' of DAG 'bad' cannot be scheduled")) == 1


@pytest.mark.parametrize("info", [Refused("no such queue"), Requeue("engine is down")], ids=str)
def test_an_attempt_that_cannot_be_taken_back_sets_aside_its_run_alone(rig, pair, info, caplog):
    bad, good = pair({"a": []})
    rig.start(claims=False)
    steps(rig, 4)
    refuse(rig, bad, "NEW.state IN ('failed', 'scheduled')")
    for key in rig.executor.executed:
        rig.executor.fail(key, info)
    steps(rig, 4)

    assert bad in rig.loop.context.memory.skipped
    assert rig.rows(schema.task_instance, dag_run_id=bad)[0].state == "queued"
    assert rig.rows(schema.task_instance, dag_run_id=good)[0].stuck_count == 1 or (
        rig.run_state(good) == "failed"
    )
    assert not told(caplog, "the metadata database cannot be used")


def test_a_dag_whose_scheduled_runs_cannot_be_written_gets_none_alone(rig, dag_of, caplog):
    for dag_id in ("bad", "good"):
        rig.save(dag_of({"a": []}, dag_id=dag_id, schedule=schedule_spec("@hourly"), **SETTINGS))
    refuse_rows(rig.store, "dag_run", "NEW.dag_id = 'bad'")
    rig.start()
    steps(rig)

    assert {row.dag_id for row in rig.rows(schema.dag_run)} == {"good"}
    assert len(told(caplog, "the next runs of DAG 'bad' cannot be made; it gets none until")) == 1
    rig.clock.advance(3600)
    steps(rig)
    assert [row.state for row in rig.rows(schema.dag_run)] == ["success", "success"]


def test_a_run_that_cannot_follow_its_newest_definition_is_skipped_alone(rig, dag_of, pair):
    bad, good = pair({"a": []})
    rig.start(outcome=lambda _: None)
    steps(rig, 4)
    refuse(rig, bad, "NEW.task_id = 'b'")
    for dag_id in ("bad", "good"):
        rig.save(dag_of({"a": ["b"]}, dag_id=dag_id), row_version=1)
    rig.clock.advance(10)
    steps(rig, 4)

    assert bad in rig.loop.context.memory.skipped
    assert rig.states(good) == {"a": "running", "b": None}


def test_odd_words_of_an_executor_are_kept_as_they_can_be(rig, dag_of):
    run = rig.begin(dag_of({"a": [], "b": []}), claims=False)
    steps(rig, 4)
    a, b = rig.executor.executed
    rig.executor.running_state(a, info="x" * 251)
    rig.executor.running_state(b, info="number 7")
    rig.executor.fail(a, Refused("no\0queue \ud800"))
    rig.executor.fail(b, Refused("none"))
    steps(rig, 4)

    assert rig.run_state(run) == "failed"
    causes = [rig.instance(name).change_cause for name in "ab"]
    assert causes == [
        "refused by the executor: no\\x00queue \\ud800",
        "refused by the executor: none",
    ]
    assert [rig.instance(name).external_executor_id for name in "ab"] == [None, "number 7"]
