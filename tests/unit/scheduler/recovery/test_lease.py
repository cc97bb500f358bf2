"""One scheduler on an SQLite store, whatever becomes of its children."""

from __future__ import annotations

import os
import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from airflow_lite.scheduler.recovery.lease import (
    SchedulerLock,
    SchedulerRunsAlready,
    StoreTaken,
)
from airflow_lite.store import jobs, schema
from airflow_lite.store.jobs import LeaseLost
from fixtures.store_rows import add_job

NOTE = {"pid": 7, "hostname": "here", "since": "2024-01-01T00:00:00+00:00"}


def test_who_comes_second_is_told_who_came_first(tmp_path):
    first, second = SchedulerLock(tmp_path / "lock"), SchedulerLock(tmp_path / "lock")
    first.take(NOTE)
    with pytest.raises(SchedulerRunsAlready) as refused:
        second.take(NOTE)
    assert str(refused.value) == (
        "Another scheduler uses this database: pid 7 on here, started 2024-01-01T00:00:00+00:00."
        " Stop it, or set AIRFLOW_LITE_HOME to another folder."
    )


def test_a_lock_that_was_given_back_can_be_taken(tmp_path):
    first, second = SchedulerLock(tmp_path / "lock"), SchedulerLock(tmp_path / "lock")
    first.take(NOTE)
    first.release()
    second.take(NOTE)


def test_a_forked_child_does_not_keep_the_lock(tmp_path):
    lock = SchedulerLock(tmp_path / "lock")
    lock.take(NOTE)
    reader, writer = os.pipe()
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.write(tell, b"x")
        os.read(reader, 1)  # lives until the parent has looked
        os._exit(0)
    os.close(reader)
    try:
        assert os.read(ready, 1) == b"x"
        lock.release()
        SchedulerLock(tmp_path / "lock").take(NOTE)
    finally:
        for descriptor in (writer, ready, tell):
            os.close(descriptor)
        assert os.waitpid(child, 0) == (child, 0)


def test_a_job_that_another_ended_stops_its_loop(rig, dag_of):
    rig.begin(dag_of({"a": []}))
    rig.settle(3)
    rig.edit(schema.job, schema.job.c.id == 1, state="failed")
    rig.clock.advance(5)
    with pytest.raises(LeaseLost):
        rig.loop.step()


def test_a_job_that_another_ended_stops_its_loop_though_a_dag_waits_for_an_owner(rig, dag_of):
    rig.begin(dag_of({"a": []}))
    rig.settle(3)
    rig.edit(schema.job, schema.job.c.id == 1, state="failed")
    rig.save(dag_of({"a": []}, dag_id="new"))
    rig.clock.advance(6)
    with pytest.raises(LeaseLost):
        rig.loop.do_pass()


def remove(path):
    path.unlink()


def replace(path):
    path.with_name("copy").write_bytes(path.read_bytes())
    path.with_name("copy").replace(path)


def move_home(path):
    path.parent.rename(path.parent.with_name("moved"))


@pytest.mark.sqlite
@pytest.mark.parametrize("act", [remove, replace, move_home])
def test_a_database_that_is_taken_away_ends_the_loop_that_used_it(rig, dag_of, act):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(3)
    path = rig.config.home / "airflow_lite.db"
    act(path)
    rig.clock.advance(5)
    with pytest.raises(StoreTaken) as told:
        rig.loop.step()
    assert str(told.value) == (
        f"The metadata database {path} was removed, moved or replaced while this scheduler used"
        " it. Start the scheduler again."
    )


@pytest.mark.sqlite
def test_a_database_that_was_replaced_is_not_waited_for_as_in_an_outage(rig, dag_of, monkeypatch):
    rig.begin(dag_of({"a": []}))
    replace(rig.config.home / "airflow_lite.db")

    def fail():
        raise OperationalError("SELECT", {}, Exception("malformed"))

    monkeypatch.setattr(rig.loop, "do_pass", fail)
    with pytest.raises(StoreTaken):
        rig.loop.step()


@pytest.mark.sqlite
def test_a_database_that_is_only_written_to_is_no_other(rig, dag_of):
    rig.begin(dag_of({"a": []}), outcome=lambda _: None)
    rig.settle(3)
    other = sqlite3.connect(rig.config.home / "airflow_lite.db", isolation_level=None)
    other.execute("VACUUM")
    other.close()
    rig.clock.advance(5)
    rig.loop.step()


@pytest.mark.sqlite
def test_an_end_that_cannot_be_recorded_is_told_and_the_lock_given_back(
    rig, dag_of, monkeypatch, caplog
):
    def fail(*_, **__):
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    rig.begin(dag_of({"a": []}))
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "end_jobs", fail)
        rig.end()
    (line,) = [line for line in caplog.messages if "recorded" in line]
    assert line == (
        "the end of this job is not recorded: database or disk is full; the next scheduler does it"
    )
    rig.start()


def test_beats_are_written_now_and_then(rig, dag_of):
    rig.begin(dag_of({"a": []}))
    before = rig.rows(schema.job)[0].latest_beat_us
    rig.edit(schema.job, schema.job.c.id == 1, latest_beat_us=0)
    rig.clock.advance(5)
    rig.settle(2)
    assert rig.rows(schema.job)[0].latest_beat_us >= before - 1000


def test_the_run_of_a_dags_test_that_died_is_failed(rig, dag_of):
    spec = dag_of({"a": []})
    version = rig.save(spec)
    with rig.store.begin() as connection:
        job = add_job(
            connection, hostname=os.uname().nodename, pid=2**22 + 1, boot_id="another boot"
        )
    run = rig.trigger(spec, version, state="running", job_id=job)
    rig.start()
    rig.settle()
    assert rig.run_state(run) == "failed"
    assert rig.executor.executed == []
