"""Runs that somebody asks for: what they get by themselves, and what is refused."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from airflow_lite.clock import US_PER_S
from airflow_lite.config import Config
from airflow_lite.errors import DagNotFound, DagRunAlreadyExists, ParamValidationError
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.spec.timetable import schedule_spec
from airflow_lite.store import schema
from airflow_lite.store.engine import open_store
from airflow_lite.store.triggering import WantedRun, trigger, trigger_by_task
from fixtures.store_rows import add_dag, add_version

DAY = 86_400 * US_PER_S
NOW = 19_790 * DAY + 42
SPEC = DagSpec("d", tasks={"a": TaskSpec("a")}, schedule=schedule_spec("@daily"))


@pytest.fixture
def connection(tmp_path):
    store = open_store(Config.load({"AIRFLOW_LITE_HOME": str(tmp_path)}))
    with store.begin() as connection:
        yield connection
    store.close()


def run_of(connection, wanted, spec=SPEC, version=None):
    version = version or add_version(connection, spec)
    row_id = trigger(connection, spec, version, wanted, now_us=NOW)
    return connection.execute(sa.select(schema.dag_run).where(schema.dag_run.c.id == row_id)).one()


def test_a_run_that_nothing_is_said_of_is_of_this_second_and_of_the_last_interval(connection):
    run = run_of(connection, WantedRun())
    assert (run.run_id, run.logical_us) == ("manual__2024-03-08T00:00:00+00:00", NOW - 42)
    assert (run.interval_start_us, run.interval_end_us) == (NOW - 42 - DAY, NOW - 42)
    assert (run.run_type, run.state, run.conf) == ("manual", "queued", "{}")
    assert run.external_trigger
    instances = connection.execute(sa.select(schema.task_instance.c.task_id))
    assert instances.scalars().all() == ["a"]


def test_two_runs_of_one_second_are_told_apart_by_their_microseconds(connection):
    version = add_version(connection, SPEC)
    first = run_of(connection, WantedRun(), version=version)
    second = run_of(connection, WantedRun(), version=version)
    assert (first.logical_us, second.logical_us) == (NOW - 42, NOW)


def test_a_date_that_was_asked_for_is_kept_or_refused(connection):
    version = add_version(connection, SPEC)
    wanted = WantedRun(logical_us=NOW, keeps_microseconds=True)
    assert run_of(connection, wanted, version=version).logical_us == NOW
    with pytest.raises(DagRunAlreadyExists):
        run_of(connection, wanted, version=version)


def test_the_interval_of_the_schedule_needs_a_date_of_the_schedule(connection):
    version = add_version(connection, SPEC)
    own = WantedRun(logical_us=NOW - 42, has_scheduled_interval=True)
    run = run_of(connection, own, version=version)
    assert (run.interval_start_us, run.interval_end_us) == (NOW - 42, NOW - 42 + DAY)
    with pytest.raises(ValueError, match="is no date of the schedule"):
        run_of(connection, own._replace(logical_us=NOW + US_PER_S), version=version)


def test_the_conf_of_a_run_is_held_to_the_params_of_its_dag(connection):
    schema_of = {"type": "integer"}
    spec = DagSpec("d", params={"x": {"schema": schema_of}, "y": {"value": 1, "schema": {}}})
    version = add_version(connection, spec)
    with pytest.raises(ParamValidationError) as missing:
        run_of(connection, WantedRun(), spec, version)
    with pytest.raises(ParamValidationError, match="Invalid input for param 'x'"):
        run_of(connection, WantedRun(conf={"x": "no"}), spec, version)
    run = run_of(connection, WantedRun(conf={"x": 1, "z": 2}), spec, version)

    assert str(missing.value) == (
        "DAG 'd' needs a value for param 'x'. Give it in the conf of the run: {\"x\": …}."
    )
    assert json.loads(run.conf) == {"x": 1, "z": 2}


def by_task(connection, asked_us=NOW, *, resets=False, **wanted):
    run = WantedRun(**{"logical_us": NOW, "keeps_microseconds": True, **wanted})
    return trigger_by_task(connection, "d", run, asked_us=asked_us, resets=resets)


def test_a_question_whose_answer_was_lost_makes_no_second_run(connection):
    add_dag(connection, SPEC)
    first = by_task(connection, run_id="r")
    assert first == {"run_id": "r", "logical_us": NOW, "is_new": True}
    assert by_task(connection, run_id="r") == first
    assert by_task(connection, NOW + 1, run_id="r") == {**first, "is_new": False}
    assert connection.execute(sa.select(sa.func.count(schema.dag_run.c.id))).scalar() == 1


def test_the_run_that_there_is_has_the_date_or_else_the_id(connection):
    add_dag(connection, SPEC)
    by_task(connection, run_id="dated")
    by_task(connection, run_id="named", logical_us=NOW + 5)
    found = by_task(connection, NOW + 1, run_id="named")
    assert (found["run_id"], found["is_new"]) == ("dated", False)
    assert by_task(connection, NOW + 1, run_id="named", logical_us=1)["run_id"] == "named"


def test_a_run_that_is_reset_runs_again_from_its_first_task(connection):
    add_dag(connection, SPEC)
    by_task(connection, run_id="r")
    connection.execute(schema.task_instance.update().values(state="success", try_number=1))
    connection.execute(schema.dag_run.update().values(state="success"))

    by_task(connection, NOW + 1, run_id="r", resets=True)

    assert connection.execute(sa.select(schema.task_instance.c.state)).scalars().all() == [None]
    assert connection.execute(sa.select(schema.dag_run.c.state)).scalars().all() == ["queued"]


def test_a_dag_that_no_file_has_any_more_gets_no_run(connection):
    with pytest.raises(DagNotFound):
        by_task(connection)
    add_dag(connection, SPEC, is_active=False)
    with pytest.raises(DagNotFound):
        by_task(connection)


def test_an_interval_and_a_note_may_be_asked_for(connection):
    run = run_of(connection, WantedRun(logical_us=NOW, interval=(1, 2), note="why"))

    assert (run.interval_start_us, run.interval_end_us, run.note) == (1, 2, "why")
