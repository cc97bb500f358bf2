"""A scheduler keeps the halves of a hybrid apart: their slots, and what was queued for each."""

from __future__ import annotations

from functools import partial

import pytest

from airflow_lite.api.executor.routes import Routes
from airflow_lite.store import schema
from fixtures.scheduler_rig import Adopting

FAR = {"queue": "far"}


class Hybrid(Adopting):
    """An executor of two halves, which notes what it is offered."""

    def __init__(self, routes=None, slots=None, **stub):
        super().__init__(**stub)
        self.routes = routes or Routes("Near", ("Near", "Far"), {"far": "Far"})
        self.slots = slots or {}
        self.offered: list[tuple[str, str | None]] = []
        self.queued_for: dict[str, str | None] = {}

    def half_slots(self):
        return dict(self.slots)

    def queue_command(self, task_instance, *args, **kwargs):
        self.queued_for[task_instance.task_id] = task_instance.executor
        super().queue_command(task_instance, *args, **kwargs)

    def try_adopt_task_instances(self, tis):
        self.offered += [(ti.task_id, ti.executor) for ti in tis]
        return []


@pytest.fixture
def hybrid(rig):
    return partial(Hybrid, clock=rig.clock, claims=False)


def queue_for_halves(rig, dag_of, hybrid):
    spec = dag_of({"a": [], "b": [], "c": []}, of_task={"b": FAR, "c": {"executor": "Far"}})
    rig.trigger(spec, rig.save(spec))
    rig.start(hybrid())
    rig.settle(3)


def test_a_row_names_the_half_that_its_attempt_is_queued_for(rig, dag_of, hybrid):
    queue_for_halves(rig, dag_of, hybrid)
    expected = {"a": "Near", "b": "Far", "c": "Far"}
    assert {row.task_id: row.executor for row in rig.rows(schema.task_instance)} == expected
    assert rig.executor.queued_for == expected
    names = {row.id: row.task_id for row in rig.rows(schema.task_instance)}
    attempts = rig.rows(schema.attempt)
    assert {names[row.task_instance_id]: row.executor for row in attempts} == expected


def test_what_was_queued_for_a_half_is_offered_to_it_though_its_queue_is_the_others_now(
    rig, dag_of, hybrid
):
    queue_for_halves(rig, dag_of, hybrid)
    rig.die()
    moved = Routes("Near", ("Near", "Far"), {"default": "Far"})
    rig.start(hybrid(moved))
    rig.settle(3)
    assert sorted(rig.executor.offered) == [("a", "Near"), ("b", "Far"), ("c", "Far")]


def test_what_was_queued_for_an_executor_is_offered_to_the_hybrid_that_has_it_as_a_half(
    rig, dag_of, hybrid
):
    spec = dag_of({"a": []})
    rig.trigger(spec, rig.save(spec))
    alone = Adopting(clock=rig.clock, claims=False)
    alone.name = "Far"
    rig.start(alone)
    rig.settle(3)
    rig.die()
    rig.start(hybrid())
    rig.settle(3)
    assert rig.executor.offered == [("a", "Far")]


def test_a_half_without_a_slot_keeps_none_of_the_others_tasks_waiting(rig, dag_of, hybrid):
    far = {f"far{number}": {**FAR, "priority_weight": 9} for number in range(40)}
    spec = dag_of({**dict.fromkeys(far, ()), "near": []}, of_task=far, max_active_tasks=100)
    rig.trigger(spec, rig.save(spec))
    rig.start(hybrid(slots={"Near": 1, "Far": 0}))
    rig.settle(3)
    states = rig.states()
    assert {name for name, state in states.items() if state == "queued"} == {"near"}
