"""How many messages a worker takes, by its free slots and by how brisk its tasks are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_lite_celery_executor.looking import Worker
from airflow_lite_celery_executor.tables import _queue_row
from airflow_lite_celery_executor.worker.flow import MOST_AHEAD, Flow
from airflow_lite_celery_executor.worker.pool import _Job, unacknowledged
from airflow_lite_celery_executor.worker.surroundings import look_around


class Consumer:
    """What Celery's consumer has of these: a prefetch count, and whether it consumes."""

    def __init__(self, prefetch, multiplier, queue_type):
        self.app = SimpleNamespace(conf=SimpleNamespace(task_default_queue_type=queue_type))
        self.prefetch_multiplier = multiplier
        self.prefetch = prefetch * multiplier
        self.qos = self.task_consumer = self
        self.is_consuming = True
        self.calls: list[str] = []

    def increment_eventually(self, by):
        self.prefetch += by

    def decrement_eventually(self, by):
        self.prefetch = max(self.prefetch - by, 1)

    def update(self):
        self.calls.append(f"prefetch {self.prefetch}")

    def cancel(self):
        self.is_consuming = False
        self.calls.append("cancel")

    def consume(self):
        self.is_consuming = True
        self.calls.append("consume")


@pytest.fixture
def serve():
    def serve(prefetch=4, multiplier=1, queue_type="classic"):
        flow, consumer = Flow(), Consumer(prefetch, multiplier, queue_type)
        flow.serve(consumer)
        return flow, consumer

    return serve


@pytest.mark.parametrize("multiplier", [1, 3])
def test_the_prefetch_count_follows_free_slots_and_how_many_are_taken_ahead(serve, multiplier):
    flow, consumer = serve(4, multiplier)
    seen = []
    for free, depth in [(4, 1), (4, 2), (4, 99), (1, 3), (1, 1), (4, 1)]:
        flow.set_free(free, 4, depth)
        seen.append(consumer.prefetch / multiplier)
    assert seen == [4, 8, 4 * MOST_AHEAD, 3, 1, 4]
    assert consumer.calls == []


def test_without_a_free_slot_nothing_is_consumed_until_there_is_one(serve):
    flow, consumer = serve()
    flow.set_free(0, 4, 1)
    flow.set_free(0, 4, 1)
    assert (flow.is_paused, consumer.calls) == (True, ["cancel"])
    consumer.consume()  # from a queue that was added
    flow.consumes()
    assert not consumer.is_consuming
    flow.set_free(1, 4, 1)
    assert (flow.is_paused, consumer.is_consuming, consumer.prefetch) == (False, True, 1)


def test_a_quorum_queue_is_consumed_anew_for_another_prefetch_count(serve):
    flow, consumer = serve(queue_type="quorum")
    flow.set_free(4, 4, 3)  # nothing ahead: that would be to consume anew again and again
    assert consumer.calls == []
    flow.set_free(3, 4, 1)
    assert consumer.calls == ["cancel", "prefetch 3", "consume"]
    flow.renew()
    assert consumer.calls[3:] == ["cancel", "consume"]
    assert not flow.is_paused


def test_what_is_not_acknowledged_is_told_by_queue_and_age(celery_config):
    def job(queue, since, *, is_held=False):
        request = SimpleNamespace(delivery_info={"routing_key": queue})
        return _Job("t", 1, request, print, print, since, is_held=is_held)

    jobs = [job("a", 1.0), job("b", 2.0), job("a", 4.5), job("a", 0.0, is_held=True)]
    one, two = unacknowledged(jobs, 10.0), unacknowledged(jobs[:1], 5.0)
    assert (one, two) == ({"a": [9.0, 5.5], "b": [8.0]}, {"a": [4.0]})
    fit = {"queues": ["a"], "slots": 2, "running": [], "fault": None, "sees_dags_folder": True}
    fit |= look_around(celery_config)
    workers = [
        Worker(name, {**fit, "unacknowledged": ages}, 0.0)
        for name, ages in zip("xy", (one, two), strict=True)
    ]
    rows = [_queue_row(queue, 0, workers, celery_config) for queue in "abc"]
    told = [(row["unacknowledged"], row["oldest_unacknowledged_s"]) for row in rows]
    assert told == [(3, 9.0), (1, 8.0), (0, None)]
