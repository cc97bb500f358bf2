"""Rows that make no sense are set aside with their reason: SQLite takes any value anywhere."""

from __future__ import annotations

import os
import sqlite3

import pytest
import sqlalchemy as sa

from airflow_lite.processes import recorded
from airflow_lite.store import schema
from airflow_lite.store.engine import open_store

NOT_UTF8 = sa.text("CAST(x'ff41' AS TEXT)")
pytestmark = pytest.mark.sqlite  # PostgreSQL's columns take nothing of another type

INSTANCE = [
    ("try_number", "junk"),
    ("try_number", 2**63 - 1),
    ("max_tries", b"\xff"),
    ("pool_slots", "junk"),
    ("pool_slots", 9e999),
    ("pool_slots", 1.5),
    ("priority_weight", ""),
    ("stuck_count", "[1]"),
    ("next_at_us", "soon"),
    ("pool", b"\xff"),
    ("map_index", "junk"),
    ("state", "unknown"),
]


def write(rig, table, values, where):
    """Write as no writer of ours does: past SQLAlchemy's types."""
    connection = sqlite3.connect(rig.store.engine.url.database)
    names = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE {table} SET {names} WHERE {where}", tuple(values.values()))
    connection.commit()
    connection.close()


@pytest.fixture
def bad(rig, dag_of):
    """A run of the DAG `bad` beside a scheduler that has not started."""
    dag = dag_of({"a": ["b"]}, dag_id="bad")
    return rig.trigger(dag, rig.save(dag))


def run_others(rig, dag_of):
    """Run another DAG's run to its end, whatever else there is."""
    good = rig.begin(dag_of({"a": ["b"]}))
    rig.settle()
    rig.after(12)
    assert rig.run_state(good) == "success"


@pytest.mark.parametrize(("column", "junk"), INSTANCE)
def test_an_instance_whose_row_makes_no_sense_sets_aside_its_run_alone(
    rig, dag_of, bad, column, junk
):
    write(rig, "task_instance", {column: junk}, f"dag_run_id = {bad} AND task_id = 'a'")
    run_others(rig, dag_of)
    assert bad in rig.loop.context.memory.skipped


@pytest.mark.parametrize(("column", "junk"), [*INSTANCE[:5], ("state", "unknown")])
def test_an_instance_that_makes_no_sense_any_more_as_it_runs_sets_aside_its_run_alone(
    rig, dag_of, bad, column, junk
):
    rig.start(outcome=lambda key: None if key.dag_id == "bad" else "success")
    rig.settle(4)
    write(rig, "task_instance", {column: junk}, f"dag_run_id = {bad} AND task_id = 'a'")
    write(rig, "dag_run", {"row_version": 7}, f"id = {bad}")
    good = dag_of({"a": ["b"]})
    run = rig.trigger(good, rig.save(good))
    rig.after(12)
    assert rig.run_state(run) == "success"
    assert bad in rig.loop.context.memory.skipped


def test_an_attempt_that_is_not_utf8_keeps_no_batch_from_being_written(rig, dag_of, bad):
    with rig.store.begin() as connection:
        of_run = schema.task_instance.c.dag_run_id == bad
        connection.execute(schema.task_instance.update().where(of_run).values(attempt=NOT_UTF8))
    run_others(rig, dag_of)
    assert bad in rig.loop.context.memory.skipped


def test_the_reason_names_the_column_and_its_value(rig, dag_of, bad):
    write(rig, "task_instance", {"try_number": "junk"}, f"dag_run_id = {bad}")
    run_others(rig, dag_of)
    reason = rig.loop.context.memory.skipped[bad].reason
    assert reason == "ValueError: its row in the database has try_number = 'junk'"


def test_a_row_that_makes_no_sense_when_it_is_looked_at_fails_no_pass(rig, dag_of, bad):
    rig.start(outcome=lambda _: None)
    rig.settle(4)
    [(run, instance)] = [
        found for found in rig.loop.context.memory.instances if found[1].task_id == "a"
    ]
    write(rig, "task_instance", {"state": "failed", "max_tries": "junk"}, f"id = {instance.id}")
    rig.after(12)
    assert run.id in rig.loop.context.memory.skipped


def test_a_run_of_a_dag_id_that_is_no_text_is_set_aside(rig, dag_of, bad):
    write(rig, "dag_run", {"dag_id": b"\xff"}, f"id = {bad}")
    run_others(rig, dag_of)
    assert bad in rig.loop.context.memory.skipped


def test_a_run_that_is_over_and_makes_no_sense_keeps_back_no_later_one(rig, dag_of):
    dag = dag_of({"a": []}, of_task={"a": {"depends_on_past": True}})
    version = rig.save(dag)
    first = rig.trigger(dag, version, "first", logical_us=1_000)
    rig.start()
    rig.after(2)
    assert rig.run_state(first) == "success"
    write(rig, "dag_run", {"conf": "junk", "interval_end_us": "junk"}, f"id = {first}")
    second = rig.trigger(dag, version, "second", logical_us=2_000)
    rig.after(12)
    assert rig.run_state(second) == "success"


@pytest.mark.usefixtures("bad")
@pytest.mark.parametrize("junk", ["junk", "[1]", "{}", "null", "[" * 100_000, b"\xff", 7])
def test_a_dag_whose_definition_cannot_be_read_is_left_out_alone(rig, dag_of, junk, caplog):
    write(rig, "dag_version", {"spec": junk}, "dag_id = 'bad'")
    run_others(rig, dag_of)
    told = [line for line in caplog.messages if line.startswith("DAG 'bad' is left out: ")]
    assert len(told) == 1
    assert "cannot be read" in told[0]


@pytest.mark.usefixtures("bad")
def test_a_dag_whose_row_makes_no_sense_is_left_out_alone(rig, dag_of, caplog):
    write(rig, "dag", {"dag_id": b"\xff"}, "dag_id = 'bad'")
    run_others(rig, dag_of)
    assert [line for line in caplog.messages if " is left out: its row in the database" in line]


@pytest.mark.usefixtures("bad")
@pytest.mark.parametrize("column", ["dag_id", "fileloc", "description"])
def test_text_that_is_not_utf8_stops_nobody(rig, dag_of, column):
    with rig.store.begin() as connection:
        connection.execute(
            schema.dag.update().where(schema.dag.c.dag_id == "bad").values({column: NOT_UTF8})
        )
    run_others(rig, dag_of)


def test_text_that_is_not_utf8_is_read_with_marks_in_its_place(rig):
    store = open_store(rig.config)
    with store.read() as connection:
        assert connection.execute(sa.select(NOT_UTF8)).scalar() == "\N{REPLACEMENT CHARACTER}A"
    store.close()


@pytest.mark.usefixtures("bad")
@pytest.mark.parametrize("junk", ["junk", b"\xff", 1.5, 9e999])
def test_a_pool_whose_slots_are_no_number_keeps_its_own_tasks_alone(rig, dag_of, junk):
    with rig.store.begin() as connection:
        connection.execute(schema.pool.insert().values(name="odd", slots=1))
    write(rig, "pool", {"slots": junk}, "name = 'odd'")
    run_others(rig, dag_of)


@pytest.mark.parametrize("junk", ["junk", 9e999, 2**63 - 1])
def test_slots_that_are_no_number_do_not_spoil_the_count_of_pools(rig, dag_of, bad, junk):
    rig.start(outcome=lambda key: None if key.dag_id == "bad" else "success")
    rig.settle(4)
    where = f"dag_run_id = {bad}"
    write(rig, "task_instance", {"pool_slots": junk, "state": "queued"}, where)
    good = dag_of({"a": ["b"]})
    run = rig.trigger(good, rig.save(good))
    rig.after(12)
    assert rig.run_state(run) == "success"


@pytest.mark.parametrize("junk", ["junk", b"\xff", 9e999])
def test_a_supervisor_whose_row_makes_no_sense_is_judged_by_its_beats(rig, dag_of, junk):
    rig.begin(dag_of({"a": ["b"]}), outcome=lambda _: None)
    rig.settle()
    write(rig, "supervisor", {"process_start": junk}, "1")
    rig.after(90, step=10)
    assert rig.loop.watch.beats


class _Left:
    """A row of an attempt of this very process, but for what a test makes of it."""

    token = "t"
    hostname = "here"

    def __init__(self, boot_id, pid, process_start, process_group):
        self.boot_id, self.pid = boot_id, pid
        self.process_start, self.process_group = process_start, process_group


@pytest.mark.parametrize("group", [1, 0, -1, "junk", None, 2**70])
def test_a_group_that_is_not_the_process_own_is_not_killed(monkeypatch, tmp_path, group):
    killed = []
    monkeypatch.setattr(recorded, "is_this_space", lambda space: space == "boot")
    monkeypatch.setattr(recorded, "process_start", lambda _: 5)
    monkeypatch.setattr(recorded, "is_over", lambda _: False)
    monkeypatch.setattr(os, "getpgid", lambda _: 4711)
    monkeypatch.setattr(os, "killpg", lambda *given: killed.append(("group", given[0])))
    monkeypatch.setattr(os, "kill", lambda *given: killed.append(("process", given[0])))
    assert recorded.sweep([_Left("boot", 4712, 5, group)], "here", tmp_path) == 1
    assert killed == [("process", 4712)]
    assert recorded.sweep([_Left("boot", 4712, 5, 4711)], "here", tmp_path) == 1
    assert killed[1:] == [("group", 4711)]


@pytest.mark.parametrize(("pid", "start"), [("junk", 5), (1, 5), (-1, 5), (9, "junk"), (9, None)])
def test_what_names_no_process_is_not_killed(monkeypatch, tmp_path, pid, start):
    monkeypatch.setattr(recorded, "is_this_space", lambda space: space == "boot")
    monkeypatch.setattr(recorded, "process_start", lambda _: 5)
    monkeypatch.setattr(recorded, "is_over", lambda _: False)
    monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("killed"))
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("killed"))
    assert recorded.sweep([_Left("boot", pid, start, 4711)], "here", tmp_path) == 0
