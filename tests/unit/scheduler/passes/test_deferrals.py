"""The scheduler has run what deferred tasks wait for, writes what it hears, and asks little."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_lite.scheduler.passes import deferrals
from airflow_lite.store import edits, jobs
from airflow_lite.store.schema import task_instance
from airflow_lite.triggerer.messages import TaskEnded, TriggerFailed, TriggerFired

SPEC = '{"class":"x.Y","kwargs":{}}'


class Recorded:
    """Stands for the process of triggers: keeps what it is given, tells what a test says."""

    def __init__(self, *_):
        self.triggers = {}
        self.reports = []
        self.is_closed = False

    @property
    def keys(self):
        return {*self.triggers}

    def start(self, orders):
        self.triggers.update((order.key, order) for order in orders)

    def stop(self, keys):
        for key in keys:
            del self.triggers[key]

    def tell(self, kind, *rest):
        """Let the only trigger tell something; it is run no more then."""
        (key,) = self.triggers
        del self.triggers[key]
        self.reports.append(kind(*key, *rest))

    def poll(self):
        told, self.reports = self.reports, []
        return told

    def wait_s(self):
        return None

    def close(self):
        self.is_closed = True


@pytest.fixture
def begun(rig, dag_of, monkeypatch):
    """Run a DAG of two tasks, of which the first is deferred; return its process of triggers."""
    made = Recorded()
    monkeypatch.setattr(deferrals, "TriggerProcess", lambda *_: made)
    rig.begin(dag_of({"a": ["b"]}), outcome=lambda _: None)
    rig.settle()
    defer(rig)
    return made


def defer(rig, **columns):
    """Let the attempt of the first task end as deferred, as its host writes it."""
    row = rig.instance("a")
    deferred = {"state": "deferred", "trigger_spec": SPEC, "next_method": "m", **columns}
    rig.edit(task_instance, task_instance.c.id == row.id, run=row.dag_run_id, **deferred)
    rig.after(6)


def test_a_trigger_is_started_with_its_task_and_token(rig, begun):
    (order,) = begun.triggers.values()
    row = rig.instance("a")
    assert (order.key, order.spec) == ((row.id, row.attempt), SPEC)
    assert order.of_task == ("d", "a", "r", 1, -1)


def test_an_event_queues_the_task_anew_in_the_same_try(rig, begun):
    before = rig.instance("a")
    begun.tell(TriggerFired, '{"x":1}')
    rig.settle()

    row = rig.instance("a")
    assert (row.state, row.try_number, row.next_method) == ("running", before.try_number, "m")
    assert json.loads(row.next_kwargs) == {"event": {"x": 1}}
    assert row.attempt != before.attempt
    assert [to for _, to in rig.history("a")[-4:]] == ["deferred", "scheduled", "queued", "running"]
    assert rig.findings(all_ended=False) == []


def test_a_failed_trigger_queues_it_only_to_fail(rig, begun):
    begun.tell(TriggerFailed, ["why"])
    rig.settle()
    assert (rig.instance("a").state, rig.instance("a").next_method) == ("running", "__fail__")


def test_a_trigger_that_ends_the_task_lets_the_next_begin(rig, begun):
    begun.tell(TaskEnded, "success", {})
    rig.settle()
    assert rig.states() == {"a": "success", "b": "running"}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (TriggerFired, ["no JSON"]),
        (TriggerFired, ['"\0"']),
        (TaskEnded, ["running", {}]),
        (TaskEnded, ["success", {"k": "no JSON"}]),
        (TaskEnded, ["success", {"k" * 513: "1"}]),
        (TaskEnded, ["success", {"\0": "1"}]),
    ],
)
def test_what_makes_no_sense_is_a_failure_of_its_trigger(rig, begun, kind, told):
    begun.tell(kind, *told)
    rig.settle()
    row = rig.instance("a")
    assert (row.state, row.next_method) == ("running", "__fail__")
    assert "What the trigger told is not kept: it makes no sense." in row.next_kwargs


def test_what_is_cleared_is_waited_for_no_more(rig, begun):
    with rig.store.begin() as connection:
        row = rig.instance("a")
        chosen = [edits.Clearable(row.id, row.dag_run_id, "deferred", 0)]
        edits.clear(connection, chosen, now_us=rig.clock.now_us())
    rig.after(6)
    assert begun.triggers == {}
    assert rig.instance("a").state == "running"


def test_its_time_is_over_though_the_trigger_says_nothing(rig, begun):
    row = rig.instance("a")
    at_us = rig.clock.now_us() + 10_000_000
    rig.edit(task_instance, task_instance.c.id == row.id, run=row.dag_run_id, next_at_us=at_us)
    rig.after(8)
    assert rig.instance("a").state == "deferred"
    rig.after(4)
    assert (rig.instance("a").state, rig.instance("a").next_method) == ("running", "__fail__")
    assert begun.triggers == {}


def test_the_next_scheduler_runs_what_waits(rig, begun):
    rig.end()
    assert begun.is_closed
    begun.triggers.clear()
    rig.start()
    rig.settle()
    assert len(begun.triggers) == 1


def test_a_users_triggerer_is_left_to_run_them_and_what_it_wrote_is_found(rig, begun):
    with rig.store.begin() as connection:
        job: dict[str, Any] = {
            "hostname": "elsewhere",
            "pid": 1,
            "boot_id": None,
            "process_start": None,
        }
        now_us = rig.clock.now_us()
        job_id = jobs.start_job(connection, kind="triggerer", executor="", now_us=now_us, **job)
    rig.after(6)
    assert begun.triggers == {}

    row = rig.instance("a")
    rig.edit(task_instance, task_instance.c.id == row.id, state="scheduled")
    rig.after(6)
    assert rig.instance("a").state == "running"

    with rig.store.begin() as connection:
        jobs.end_jobs(connection, [job_id], state="failed", now_us=rig.clock.now_us())
    defer(rig)
    assert len(begun.triggers) == 1


def test_what_waits_costs_a_statement_now_and_then(rig, begun):
    statements = []
    sa.event.listen(
        rig.store.engine, "before_cursor_execute", lambda *args: statements.append(args[2])
    )
    rig.settle(100)
    assert [text for text in statements if "task_instance" in text] == []
