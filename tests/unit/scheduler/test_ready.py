"""What is ready comes out in order, however much of it there is."""

from __future__ import annotations

import random

from airflow_lite.scheduler.model import Instance
from airflow_lite.scheduler.ready import Ready
from airflow_lite.states import TaskInstanceState


def instance(number, priority=1, map_index=-1):
    return Instance(number, f"t{number}", map_index, priority_weight=priority)


def test_the_first_come_by_priority_then_map_index_then_row():
    ready = Ready()
    ready.add([instance(3), instance(1), instance(2, priority=5), instance(4, map_index=2)])
    assert [one.id for one in ready.first(4)] == [2, 1, 3, 4]
    assert [one.id for one in ready.first(2)] == [2, 1]


def test_what_was_taken_out_does_not_come():
    ready = Ready()
    many = [instance(number) for number in range(10)]
    ready.add(many)
    for one in many[:7]:
        ready.discard(one.key)
    assert [one.id for one in ready.first(10)] == [7, 8, 9]
    assert len(ready) == 3


def test_what_comes_back_comes_once():
    ready = Ready()
    one, other = instance(1), instance(2)
    ready.add([one, other])
    ready.discard(one.key)
    ready.add([one])
    assert [found.id for found in ready.first(10)] == [1, 2]
    ready.discard(one.key)
    ready.first(1)
    ready.add([one])
    assert [found.id for found in ready.first(10)] == [1, 2]


def test_what_is_queued_already_does_not_come():
    ready = Ready()
    one = instance(1)
    ready.add([one])
    one.state = TaskInstanceState.QUEUED
    assert ready.first(1) == []


def test_any_order_of_acts_leaves_the_same_as_a_plain_sort():
    chance = random.Random(7)
    ready, kept = Ready(), {}
    for _ in range(2000):
        number = chance.randrange(60)
        if chance.random() < 0.5:
            one = kept.get(number) or instance(number, priority=number % 3)
            ready.add([one])
            kept[number] = one
        elif number in kept:
            ready.discard(kept.pop(number).key)
        wanted = sorted(kept.values(), key=lambda one: (-one.priority_weight, one.id))
        assert [one.id for one in ready.first(5)] == [one.id for one in wanted[:5]]
