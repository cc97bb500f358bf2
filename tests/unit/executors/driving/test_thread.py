"""The thread of an executor keeps the scheduler's loop from waiting and from harm."""

from __future__ import annotations

import logging
import sys
import threading

import pytest

from airflow_lite.api.executor.events import (
    Adopted,
    CallbackRequest,
    Event,
    Failure,
    Refused,
    Requeue,
    Revoked,
    TaskEventLog,
)
from airflow_lite.config import Config
from airflow_lite.executors.driving.driver import Load, QueueItem
from airflow_lite.executors.driving.inline import InlineExecutor
from airflow_lite.executors.driving.thread import ExecutorThread
from airflow_lite.keys import RunCommand
from airflow_lite.states import TaskInstanceState
from fixtures.executors import SteeredExecutor
from fixtures.waits import DEADLINE_S


def item(ti, priority=1):
    return QueueItem(ti, RunCommand(ti.key).words(), priority, ti.queue)


class Driven:
    """An ExecutorThread whose reports a test waits for."""

    def __init__(self, executor, **options):
        self.woken = threading.Event()
        options = {"budget_s": 60, "heartbeat_s": 60, **options}
        self.thread = ExecutorThread(executor, wake=self.woken.set, **options)
        self.reports = []

    def until(self, count):
        while len(self.reports) < count:
            assert self.woken.wait(DEADLINE_S), f"waited for {count} reports: {self.reports}"
            self.woken.clear()
            self.reports += self.thread.drain()
        return self.reports


@pytest.fixture
def driven(tmp_path):
    threads = []

    def start(executor, **options):
        executor.configure(Config(tmp_path))
        found = Driven(executor, **options)
        threads.append(found.thread)
        found.thread.start()
        return found

    yield start
    for thread in threads:
        thread.executor.running.clear()
        thread.executor._news.set()
        assert thread.end(DEADLINE_S)


def test_every_method_runs_on_the_executors_own_thread(make_ti, driven):
    class Watched(SteeredExecutor):
        def __init__(self):
            super().__init__()
            self.threads = set()

        def start(self):
            self.threads.add(threading.get_ident())

        def sync(self):
            self.threads.add(threading.get_ident())

        def end(self):
            self.threads.add(threading.get_ident())

        def revoke_task(self, *, ti):
            self.threads.add(threading.get_ident())

        def try_adopt_task_instances(self, tis):
            self.threads.add(threading.get_ident())
            return tis

    executor = Watched()
    executor.on_execute = executor.success
    runner = driven(executor)
    runner.thread.queue([item(make_ti())])
    runner.thread.adopt([make_ti("orphan")])
    runner.thread.revoke(make_ti("stuck"))
    runner.until(3)
    assert runner.thread.end(DEADLINE_S)
    assert len(executor.threads) == 1
    assert threading.get_ident() not in executor.threads


def test_a_queued_attempt_runs_and_its_end_is_reported(make_ti, driven):
    executor = SteeredExecutor()
    executor.on_execute = executor.success
    runner = driven(executor)
    ti = make_ti()
    runner.thread.queue([item(ti)])
    assert runner.until(1) == [Event(ti.key, TaskInstanceState.SUCCESS, None)]
    assert ti.key not in executor.running


def test_an_event_of_another_thread_wakes_without_waiting_for_a_heartbeat(make_ti, driven):
    executor = SteeredExecutor()
    runner = driven(executor, heartbeat_s=3600)
    ti = make_ti()
    started = threading.Event()
    executor.on_execute = lambda key: started.set()
    runner.thread.queue([item(ti)])
    assert started.wait(DEADLINE_S)
    assert ti.key in executor.running
    executor.success(ti.key)
    assert runner.until(1) == [Event(ti.key, TaskInstanceState.SUCCESS, None)]


def test_slots_that_grow_without_an_event_wake_the_scheduler(driven):
    """Given an engine without room, when it grows, then whoever waits for slots is woken."""
    room = [0]

    class Growing(SteeredExecutor):
        slots_available = property(lambda self: room[0])

    runner = driven(Growing(), heartbeat_s=3600)
    assert runner.thread.slots_available == 0
    room[0] = 5
    runner.thread.poke()
    assert runner.woken.wait(DEADLINE_S)
    assert runner.thread.slots_available == 5


def test_an_id_at_the_engine_is_reported_before_the_end(make_ti, driven):
    executor = SteeredExecutor()

    def execute(key):
        executor.queued(key, "engine-1")
        executor.success(key)

    executor.on_execute = execute
    runner = driven(executor)
    ti = make_ti()
    runner.thread.queue([item(ti)])
    assert runner.until(2) == [
        Event(ti.key, TaskInstanceState.QUEUED, "engine-1"),
        Event(ti.key, TaskInstanceState.SUCCESS, None),
    ]


def test_a_raising_sync_is_reported_and_logged_once_and_the_thread_goes_on(make_ti, driven, caplog):
    executor = SteeredExecutor()
    executor.name = "OwnExecutor"
    beats = threading.Semaphore(0)

    def sync():
        beats.release()
        raise RuntimeError("engine is gone")

    executor.on_sync = sync
    executor.on_execute = executor.success
    with caplog.at_level(logging.ERROR):
        runner = driven(executor)
        runner.thread.poke()
        assert beats.acquire(timeout=DEADLINE_S)
        runner.thread.poke()
        assert beats.acquire(timeout=DEADLINE_S)
        ti = make_ti()
        runner.thread.queue([item(ti)])
        reports = runner.until(2)
    failures = [report for report in reports if isinstance(report, Failure)]
    assert [(failure.method, str(failure.error)) for failure in failures] == [
        ("heartbeat", "engine is gone")
    ]
    assert Event(ti.key, TaskInstanceState.SUCCESS, None) in reports
    assert [record.getMessage() for record in caplog.records] == [
        "OwnExecutor: heartbeat failed: RuntimeError: engine is gone"
    ]


def test_a_sync_that_exits_does_not_take_the_thread_with_it(driven, caplog):
    executor = SteeredExecutor()
    executor.on_sync = sys.exit
    runner = driven(executor)
    runner.thread.poke()
    (failure,) = runner.until(1)
    assert isinstance(failure.error, SystemExit)
    assert not runner.thread.ended


def test_a_failing_start_is_reported_and_what_is_queued_comes_back(make_ti, driven, caplog):
    class Unstartable(SteeredExecutor):
        def start(self):
            raise ConnectionError("no broker")

    runner = driven(Unstartable())
    ti = make_ti()
    runner.thread.queue([item(ti)])
    failure, event = runner.until(2)
    assert isinstance(failure, Failure)
    assert (failure.method, str(failure.error)) == ("start", "no broker")
    assert event == Event(ti.key, TaskInstanceState.FAILED, Requeue("Unstartable did not start"))


def test_an_attempt_that_cannot_be_queued_comes_back_alone(make_ti, driven, caplog):
    class Picky(SteeredExecutor):
        def queue_command(self, task_instance, command, priority=1, queue=None):
            if task_instance.task_id == "bad":
                raise KeyError("bad")
            super().queue_command(task_instance, command, priority, queue)

    executor = Picky()
    executor.on_execute = executor.success
    runner = driven(executor)
    runner.thread.queue([item(make_ti("bad")), item(make_ti("good"))])
    reports = runner.until(3)
    assert [type(report) for report in reports] == [Failure, Event, Event]
    assert reports[1].info == Requeue("queue_command raised KeyError: 'bad'")
    assert reports[2].key.task_id == "good"


def test_slots_count_what_is_on_its_way_and_come_back(make_ti, driven):
    executor = SteeredExecutor(4)
    runner = driven(executor)
    ti = make_ti()
    started = threading.Event()
    executor.on_execute = lambda key: started.set()
    runner.thread.queue([item(ti)])
    assert runner.thread.slots_available == 3
    assert started.wait(DEADLINE_S)
    executor.success(ti.key)
    runner.until(1)
    assert runner.thread.slots_available == 4


def test_without_a_limit_there_are_always_slots(make_ti, driven):
    runner = driven(SteeredExecutor(0))
    runner.thread.queue([item(make_ti())])
    assert runner.thread.slots_available == sys.maxsize


def test_a_stuck_call_makes_it_stalled_and_its_caller_goes_on(make_ti, driven, clock, caplog):
    executor = SteeredExecutor()
    entered, let_go = threading.Event(), threading.Event()

    def sync():
        entered.set()
        assert let_go.wait(DEADLINE_S)

    executor.on_sync = sync
    runner = driven(executor, clock=clock, budget_s=10)
    runner.thread.poke()
    assert entered.wait(DEADLINE_S)
    assert not runner.thread.stalled
    clock.seconds += 11
    assert runner.thread.stalled
    runner.thread.debug_dump()
    assert "is stalled in" in caplog.text
    assert runner.thread.end(0) is False
    let_go.set()
    assert runner.thread.end(DEADLINE_S)
    assert not runner.thread.stalled


def test_terminate_reaches_an_executor_that_is_stuck_in_end(make_ti, driven):
    class Stuck(SteeredExecutor):
        def __init__(self):
            super().__init__()
            self.in_end, self.terminated = threading.Event(), threading.Event()

        def end(self):
            self.in_end.set()
            self.terminated.wait(DEADLINE_S)

        def terminate(self):
            self.terminated.set()

    executor = Stuck()
    runner = driven(executor)
    assert runner.thread.end(0) is False
    assert executor.in_end.wait(DEADLINE_S)
    assert runner.thread.terminate()
    assert runner.thread.end(DEADLINE_S)


def test_an_idle_executor_has_no_heartbeat(make_ti, driven):
    executor = SteeredExecutor()
    executor.on_execute = executor.success
    runner = driven(executor, heartbeat_s=0.001)
    runner.thread.queue([item(make_ti())])
    runner.until(1)
    runner.thread.queue([item(make_ti("second"))])
    runner.until(2)
    syncs = executor.syncs
    assert not runner.thread._bell.wait(0.1)
    assert executor.syncs == syncs


def test_a_busy_executor_has_a_heartbeat_of_its_own(make_ti, driven):
    executor = SteeredExecutor()
    runner = driven(executor, heartbeat_s=0.001)
    ti = make_ti()
    executor.on_sync = lambda: executor.success(ti.key) if executor.syncs == 5 else None
    runner.thread.queue([item(ti)])
    assert runner.until(1) == [Event(ti.key, TaskInstanceState.SUCCESS, None)]


def test_adoption_tells_both_halves(make_ti, driven):
    class Adopting(SteeredExecutor):
        def try_adopt_task_instances(self, tis):
            self.running.add(tis[0].key)
            return tis[1:]

    runner = driven(Adopting())
    mine, other = make_ti("mine"), make_ti("other")
    runner.thread.adopt([mine, other])
    assert runner.until(1) == [Adopted([mine.key], [other.key])]


@pytest.mark.parametrize("answer", [ZeroDivisionError("x"), None])
def test_a_failing_adoption_returns_all(make_ti, driven, caplog, answer):
    class Broken(SteeredExecutor):
        def try_adopt_task_instances(self, tis):
            if answer is not None:
                raise answer
            return answer

    runner = driven(Broken())
    ti = make_ti()
    runner.thread.adopt([ti])
    assert runner.until(2)[1] == Adopted([], [ti.key])


def test_a_revoked_attempt_holds_no_slot_even_if_revoking_raises(make_ti, driven, caplog):
    class Broken(SteeredExecutor):
        def revoke_task(self, *, ti):
            raise RuntimeError("cannot")

    executor = Broken(2)
    started = threading.Event()
    executor.on_execute = lambda key: started.set()
    runner = driven(executor)
    ti = make_ti()
    runner.thread.queue([item(ti)])
    assert started.wait(DEADLINE_S)
    runner.thread.revoke(ti)
    assert runner.until(2)[1] == Revoked(ti.key)
    assert ti.key not in executor.running
    assert runner.thread.slots_available == 2


def test_lines_for_the_history_are_reported(make_ti, driven):
    executor = SteeredExecutor()
    key = make_ti().key
    executor.on_sync = lambda: executor.log_task_event(event="pod", extra="evicted", ti_key=key)
    runner = driven(executor)
    runner.thread.poke()
    assert runner.until(1)[0] == TaskEventLog("pod", key, "evicted")


def test_what_ends_while_the_executor_ends_is_reported(make_ti, driven):
    executor = SteeredExecutor()
    runner = driven(executor)
    ti = make_ti()
    started = threading.Event()
    executor.on_execute = lambda key: started.set()
    runner.thread.queue([item(ti)])
    assert started.wait(DEADLINE_S)
    assert runner.thread.end(0) is False
    executor.success(ti.key)
    assert runner.thread.end(DEADLINE_S)
    assert runner.thread.drain() == [Event(ti.key, TaskInstanceState.SUCCESS, None)]


def test_a_callback_that_the_executor_sends_is_reported_at_once(make_ti, driven):
    executor = SteeredExecutor()
    runner = driven(executor, heartbeat_s=3600)
    request = CallbackRequest(make_ti().key, "on_failure", "the pod was evicted")
    executor.send_callback(request)
    assert runner.until(1) == [request]
    with pytest.raises(TypeError, match="^'nonsense' is no callback request"):
        executor.send_callback("nonsense")


def test_an_inline_executor_runs_on_its_callers_thread(make_ti):
    executor = SteeredExecutor()
    threads = set()

    def execute(key):
        threads.add(threading.get_ident())
        executor.success(key)

    executor.on_execute = execute
    wakes = []
    inline = InlineExecutor(executor, wake=lambda: wakes.append(1))
    inline.start()
    ti = make_ti()
    inline.queue([item(ti)])
    assert wakes
    assert inline.drain() == []
    inline.poke()
    assert inline.drain() == [Event(ti.key, TaskInstanceState.SUCCESS, None)]
    assert threads == {threading.get_ident()}


def test_an_inline_executor_lets_an_interrupt_through(make_ti):
    executor = SteeredExecutor()

    def execute(key):
        raise KeyboardInterrupt

    executor.on_execute = execute
    inline = InlineExecutor(executor, wake=lambda: None)
    inline.start()
    inline.queue([item(make_ti())])
    with pytest.raises(KeyboardInterrupt):
        inline.poke()


def test_an_inline_executor_reports_what_raises(make_ti, caplog):
    executor = SteeredExecutor()

    def sync():
        raise RuntimeError("broken")

    executor.on_sync = sync
    inline = InlineExecutor(executor, wake=lambda: None)
    inline.start()
    inline.poke()
    inline.revoke(make_ti())
    inline.adopt([make_ti("orphan")])
    failure, *others = inline.drain()
    assert isinstance(failure, Failure)
    assert (failure.method, str(failure.error)) == ("heartbeat", "broken")
    assert others == [Revoked(make_ti().key), Adopted([], [make_ti("orphan").key])]


def test_a_refusal_is_told_apart_from_a_requeue():
    refused: object = Refused("same")
    assert refused != Requeue("same")
    assert Refused("same", "upstream_failed") != Refused("same")


def test_the_gauges_of_an_idle_executor_show_its_slots_open_and_nothing_queued():
    inline = InlineExecutor(SteeredExecutor(4), wake=lambda: None)
    inline.start()
    assert inline.load == Load(open_slots=4, queued_tasks=0, running_tasks=0)


def test_the_gauges_show_what_is_queued_and_what_runs(make_ti):
    inline = InlineExecutor(SteeredExecutor(2), wake=lambda: None)
    inline.start()
    inline.queue([item(make_ti(name)) for name in "abc"])
    inline.poke()
    inline.poke()
    assert inline.load == Load(open_slots=0, queued_tasks=1, running_tasks=2)


def test_the_gauges_fall_to_0_with_the_last_attempt(make_ti, driven):
    executor = SteeredExecutor(4)
    executor.on_execute = executor.success
    runner = driven(executor, heartbeat_s=3600)
    runner.thread.queue([item(make_ti())])
    runner.until(1)
    assert runner.thread.load == Load(open_slots=4, queued_tasks=0, running_tasks=0)


def test_a_sink_that_the_author_set_is_told_as_well(recorded_metrics):
    executor = SteeredExecutor(4)
    executor.metrics = recorded_metrics
    inline = InlineExecutor(executor, wake=lambda: None)
    inline.start()
    tags = {"status": "open", "name": "SteeredExecutor"}
    assert recorded_metrics.gauges[0] == ("executor.open_slots", 4, tags)
    assert inline.load.open_slots == 4
