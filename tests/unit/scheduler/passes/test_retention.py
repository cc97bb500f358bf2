"""The scheduler deletes what is older than the settings say, a batch a second."""

from __future__ import annotations

import os

import pytest

from airflow_lite.scheduler.passes.retention import LOOK_S
from airflow_lite.store import cleaning, schema

DAY_S = 86_400


@pytest.fixture
def old(make_rig, dag_of):
    """Give a function: a scheduler with these settings, and three runs that ended ten days ago."""

    def old(**options):
        rig = make_rig(**options)
        spec = dag_of({"a": []})
        version = rig.save(spec)
        for number in range(3):
            rig.trigger(spec, version, f"r{number}")
            rig.clock.advance(1)
        rig.start()
        rig.settle()
        rig.clock.advance(10 * DAY_S)
        return rig

    return old


def runs(rig):
    return [row.run_id for row in rig.rows(schema.dag_run)]


def test_runs_are_kept_for_ever_unless_a_setting_says_otherwise(old):
    rig = old()
    rig.settle()

    assert runs(rig) == ["r0", "r1", "r2"]


def test_old_runs_are_deleted_a_batch_at_a_time(old, monkeypatch):
    monkeypatch.setattr(cleaning, "FEW", 1)
    rig = old(database__run_retention_days=9)

    rig.settle(1)
    assert runs(rig) == ["r1", "r2"]
    rig.settle(5)
    assert runs(rig) == ["r1", "r2"]  # the next batch is due a second later
    rig.after(2)
    assert runs(rig) == ["r2"]
    rig.clock.advance(LOOK_S + 1)
    rig.settle()
    assert runs(rig) == ["r2"]


def test_a_scheduler_that_is_often_started_anew_looks_too(old):
    rig = old(database__run_retention_days=9)
    rig.end()
    rig.start()
    rig.settle()
    assert runs(rig) == ["r0", "r1", "r2"]  # not while it starts

    rig.after(61, step=30)

    assert runs(rig) == ["r2"]


def test_runs_that_are_young_enough_stay(old):
    rig = old(database__run_retention_days=11)
    rig.settle()

    assert runs(rig) == ["r0", "r1", "r2"]


def test_old_logs_are_deleted(old):
    rig = old(logging__retention_days=9)
    folder = rig.config.getpath("logging", "base_log_folder")
    log = folder / "dag_id=d" / "run_id=r0" / "task_id=a" / "attempt=1.log"
    log.parent.mkdir(parents=True)
    log.touch()
    rig.settle(1)
    assert log.exists()

    moment = rig.clock.now_us() / 1_000_000 - 10 * DAY_S
    for path in (log, *list(log.parents)[:3]):
        os.utime(path, (moment, moment))
    rig.after(LOOK_S + 1, step=LOOK_S)

    assert not log.exists()


def test_supervisors_go_with_the_history_of_tasks_though_runs_are_kept(old):
    rig = old(database__task_event_retention_days=9)
    rig.executor.die()
    rig.clock.advance(10 * DAY_S)
    rig.after(3)

    assert runs(rig) == ["r0", "r1", "r2"]
    assert rig.rows(schema.task_event) == rig.rows(schema.supervisor) == []
