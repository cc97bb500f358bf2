"""What the workers tell of themselves: how much is queued for them, and why tasks wait."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from airflow_lite.api.executor.pace import BRISK_S
from airflow_lite.executors import AttemptRefused, RunCommand, TaskInstance
from airflow_lite.testing import FakeClock
from airflow_lite_celery_executor.backlog import FIRST_REPEAT_S
from airflow_lite_celery_executor.executor import CeleryExecutor
from airflow_lite_celery_executor.fleet import SILENT_S, Fleet
from airflow_lite_celery_executor.messages import Beat, Hint
from airflow_lite_celery_executor.worker.watchdog import LOOKS, Watchdog


def hint(worker, *fields):
    return Hint(worker, [], [], [], Beat(*fields))


def fleet_of(*hints):
    fleet = Fleet()
    for one in hints:
        fleet.note(one, 0.0)
    return fleet


START_GPU = "Start one with `airflow-lite celery worker --queues gpu`"


@pytest.mark.parametrize(
    ("beats", "reason"),
    [
        ([], f"no worker takes tasks from it. {START_GPU}"),
        ([([], ["default"], 4)], f"no worker takes tasks from it. {START_GPU}"),
        ([([], ["gpu"], 0)], f"no worker takes tasks from it. {START_GPU}"),
        ([([], ["gpu"], 4, "its disk is full")], "worker w0 takes no tasks: its disk is full"),
        ([(["a", "b"], ["gpu"], 2)], "all slots of its workers are taken: w0"),
        (
            [(["a", "b"], ["gpu"], 2), ([], ["gpu"], 1)],
            "worker w1 has free slots and takes nothing. It connects to the broker anew by itself;"
            " should that not help, restart it",
        ),
    ],
)
def test_the_reason_why_tasks_wait_in_a_queue(beats, reason):
    fleet = fleet_of(*(hint(f"w{number}", *fields) for number, fields in enumerate(beats)))
    assert fleet.why_waiting("gpu", 1.0) == reason


def test_slots_are_those_of_workers_that_tell_of_themselves_and_can_run_tasks():
    fleet = fleet_of(hint("one", [], ["a"], 4), hint("two", [], ["b"], 8, "no disk"))
    fleet.note(hint("three", [], ["a", "c"], 2), 5.0)
    assert (fleet.slots(6.0), fleet.queues(6.0)) == (6, {"a", "c"})
    assert fleet.slots(SILENT_S) == 2
    fleet.note(hint("three", [], [], 0), SILENT_S)
    assert fleet.slots(SILENT_S) == 0


TWO = (
    "two workers are named one, and each takes commands for the other. Give each a name of its own"
    " with --celery-hostname, or leave that out"
)


@pytest.mark.parametrize(
    ("processes", "is_told"),
    [("aaa", False), ("aabbb", False), ("abca", False), ("ab0", False), ("aba", True)],
)
def test_two_workers_of_one_name_are_told_once_and_a_successor_is_none(
    executor, caplog, processes, is_told
):
    for process in processes * (2 if is_told else 1):
        executor._hear(hint("one", [], ["default"], 0 if process == "0" else 4, None, process))
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ([TWO] if is_told else [])


class Publisher:
    """Takes letters, and says that the broker has them."""

    listens_since = 0.0

    def __init__(self, executor):
        self._executor = executor
        self.repeated: list[tuple[str, int | None]] = []

    def send(self, letters):
        self._take(letters, None)

    def send_if_lost(self, letters, count):
        self._take(letters, count)

    def _take(self, letters, count):
        self.repeated += [(letter.queue, count) for letter in letters]
        self._executor._published([letter.message.token for letter in letters])


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def executor(clock, celery_config):
    from airflow_lite_celery_executor.settings import CelerySettings

    executor: Any = CeleryExecutor(parallelism=0, clock=clock)
    executor.configure(celery_config)
    executor._settings = CelerySettings.read(celery_config)
    executor._publisher = executor._listener = Publisher(executor)
    return executor


def token(name, number):
    return f"{name}{number}".encode().hex().zfill(32)


def queue(executor, count, name="default"):
    for number in range(count):
        ti = TaskInstance("d", f"{name}{number}", "r", attempt=token(name, number))
        executor.queue_command(ti, RunCommand(ti.key).words(), 1, name)
    executor.trigger_tasks(sys.maxsize)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ü" * 128, "RabbitMQ has none of more than 255 bytes. Give it a shorter name."),
        ("amq.x", "names that begin with amq. are the broker's own. Give it another."),
        ("a\nb", "it has characters that cannot be printed. Leave them out."),
        ("sur\ud800", "it has characters that cannot be printed. Leave them out."),
    ],
)
def test_a_queue_that_no_broker_can_have_ends_its_try_alone(executor, name, reason):
    ti = TaskInstance("d", "t", "r", attempt=token("t", 1))
    with pytest.raises(AttemptRefused) as refused:
        executor.execute_async(ti.key, RunCommand(ti.key).words(), name)
    assert str(refused.value) == f"queue is {name!r:.100}: {reason}"
    executor.execute_async(ti.key, RunCommand(ti.key).words(), "ü" * 127)


def test_no_more_is_queued_than_workers_have_slots_for(executor, clock):
    assert executor.slots_available == sys.maxsize
    queue(executor, 3)
    executor._hear(hint("one", [], ["default"], 4))
    assert executor.slots_available == 5  # each slot's next one, since all may be over soon
    clock.advance(BRISK_S)
    assert executor.slots_available == 1
    queue(executor, 2, "nobodys")
    assert executor.slots_available == 1
    clock.advance(SILENT_S)
    assert executor.slots_available == sys.maxsize - 5


def test_what_waits_for_long_is_told_once_with_the_reason(executor, clock, caplog):
    queue(executor, 2, "gpu")
    for repeat in range(1, 4):
        clock.advance(FIRST_REPEAT_S * 2**repeat)
        executor.sync()
    why = f"no worker takes tasks from it. {START_GPU}"
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"CeleryExecutor: 2 tasks wait for long in queue 'gpu': {why}"
    ]
    executor._hear(Hint("one", [], [token("gpu", 0)], []))
    clock.advance(FIRST_REPEAT_S * 16)
    executor.sync()
    last = caplog.records[-1].message
    assert last == f"CeleryExecutor: 1 task waits for long in queue 'gpu': {why}"


def test_to_a_queue_that_nobody_hears_only_what_is_lost_is_sent_again(executor, clock):
    queue(executor, 2, "gpu")
    queue(executor, 1)
    executor._publisher.repeated.clear()
    clock.advance(FIRST_REPEAT_S)
    executor._hear(hint("one", [], ["default"], 4))
    executor.sync()
    assert executor._publisher.repeated == [("gpu", 2), ("gpu", 2), ("default", None)]


class Depths(dict[str, int]):
    """How many messages wait, by queue."""

    def __missing__(self, _queue):
        return 0


OPEN = Beat([], ["a", "b"], 2)


def looks(watchdog, beat, received, depth, count=LOOKS):
    return [watchdog.look(beat, received, depth) for _ in range(count)]


def test_a_watchdog_tells_that_messages_wait_and_none_comes():
    watchdog, waiting = Watchdog(), Depths(b=3).__getitem__
    watchdog.look(OPEN, 7, waiting)
    *before, stall = looks(watchdog, OPEN, 7, waiting)
    assert before == [None] * (LOOKS - 1)
    assert stall == ("b", 3, 1)
    assert str(stall) == "3 wait in queue 'b', there is room, and none comes"
    assert looks(watchdog, OPEN, 7, waiting)[-1] == ("b", 3, 2)
    looks(watchdog, OPEN, 8, waiting, 1)  # something has come
    assert looks(watchdog, OPEN, 8, waiting)[-1] == ("b", 3, 1)


@pytest.mark.parametrize(
    ("beat", "depths"),
    [
        (OPEN, {}),
        (Beat(["x", "y"], ["a"], 2), {"a": 1}),
        (Beat([], ["a"], 2, "no disk"), {"a": 1}),
        (Beat([], ["a"], 0), {"a": 1}),
        (OPEN, {"c": 1}),
    ],
)
def test_a_watchdog_is_quiet_where_nothing_should_come(beat, depths):
    assert set(looks(Watchdog(), beat, 7, Depths(depths).__getitem__, LOOKS * 3)) == {None}
