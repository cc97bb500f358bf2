"""What is ready comes out in order, however much of it there is."""

from __future__ import annotations

import random
from typing import Any

from airflow_lite.scheduler.planner.instance import Instance
from airflow_lite.scheduler.planner.ready_queue import Ready
from airflow_lite.states import TaskInstanceState

#: More open slots than any test has instances.
OPEN = {"default_pool": 1000}


def instance(number, priority=1, map_index=-1, **fields):
    return Instance(number, f"t{number}", map_index, priority_weight=priority, **fields)


def first(ready, most, pools=OPEN):
    return [one.id for one in ready.first(most, pools)]


def test_the_first_come_by_priority_then_map_index_then_row():
    ready = Ready()
    ready.add([instance(3), instance(1), instance(2, priority=5), instance(4, map_index=2)])
    assert first(ready, 4) == [2, 1, 3, 4]
    assert first(ready, 2) == [2, 1]


def test_what_was_taken_out_does_not_come():
    ready = Ready()
    many = [instance(number) for number in range(10)]
    ready.add(many)
    for one in many[:7]:
        ready.discard(one.key)
    assert first(ready, 10) == [7, 8, 9]
    assert len(ready) == 3


def test_what_comes_back_comes_once():
    ready = Ready()
    one, other = instance(1), instance(2)
    ready.add([one, other])
    ready.discard(one.key)
    ready.add([one])
    assert first(ready, 10) == [1, 2]
    ready.discard(one.key)
    ready.add([one])
    assert first(ready, 10) == [1, 2]


def test_what_is_queued_already_does_not_come():
    ready = Ready()
    one = instance(1)
    ready.add([one])
    one.state = TaskInstanceState.QUEUED
    assert first(ready, 1) == []


def test_any_order_of_acts_leaves_the_same_as_a_plain_sort():
    chance = random.Random(7)
    ready = Ready()
    kept: dict[Any, Any] = {}
    for _ in range(2000):
        number = chance.randrange(60)
        if chance.random() < 0.5:
            one = kept.get(number) or instance(number, priority=number % 3)
            ready.add([one])
            kept[number] = one
        elif number in kept:
            ready.discard(kept.pop(number).key)
        wanted = sorted(kept.values(), key=lambda one: (-one.priority_weight, one.id))
        assert first(ready, 5) == [one.id for one in wanted[:5]]


def test_of_what_a_pool_cannot_take_one_comes_so_that_the_pool_is_kept_for_it():
    ready = Ready()
    ready.add([instance(number, pool_slots=2) for number in range(10)])
    assert len(first(ready, 10, {"default_pool": 5})) == 3
    assert len(first(ready, 10, {"default_pool": 0})) == 1
    assert len(first(ready, 10, {})) == 1


def test_who_waits_for_a_full_pool_or_a_limit_of_its_own_hides_nobody():
    ready = Ready()
    ready.add([instance(number, priority=3, pool="full") for number in range(10)])
    mapped = [Instance(20 + index, "mapped", index, priority_weight=2) for index in range(10)]
    ready.add(mapped, limited={"mapped"})
    ready.add([instance(30)])
    assert {one.task_id for one in ready.first(2, OPEN)} >= {"mapped", "t30"}
    assert 30 in first(ready, 1, OPEN)


def test_who_waits_for_one_half_of_a_hybrid_hides_nobody_of_the_other():
    ready = Ready()
    ready.add([instance(number, priority=3, queue="full") for number in range(10)])
    ready.add([instance(30)])
    assert 30 in first(ready, 1)
