"""One scheduler on an SQLite store, whatever becomes of its children."""

from __future__ import annotations

import os

import pytest

from airflow_lite.scheduler.ownership import LeaseLost, SchedulerLock, SchedulerRunsAlready
from airflow_lite.store import schema

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
        job = connection.execute(
            schema.job.insert().values(
                kind="dags_test",
                state="running",
                hostname=os.uname().nodename,
                pid=2**22 + 1,
                boot_id="another boot",
                start_us=0,
                latest_beat_us=0,
            )
        ).inserted_primary_key[0]
    run = rig.trigger(spec, version, state="running", job_id=job)
    rig.start()
    rig.settle()
    assert rig.run_state(run) == "failed"
    assert rig.executor.executed == []
