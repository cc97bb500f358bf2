"""Calls are made in order, once, unless cancelled; names are due once."""

from __future__ import annotations

from airflow_lite.processes.timers import Timers
from airflow_lite_testing.clock import FakeClock


def test_what_is_due_runs_in_order_of_its_moment():
    timers, ran = Timers(), []
    timers.at(3.0, lambda: ran.append("c"))
    timers.at(1.0, lambda: ran.append("a"))
    timers.at(1.0, lambda: ran.append("b"))
    timers.run_due(2.0)

    assert ran == ["a", "b"]
    assert timers.next_at() == 3.0


def test_a_cancelled_timer_neither_runs_nor_wakes():
    timers, ran = Timers(), []
    timers.at(1.0, lambda: ran.append("x")).cancel()

    assert timers.next_at() is None
    timers.run_due(5.0)
    assert ran == []


def test_a_call_that_sets_another_has_it_made_in_its_time():
    timers, ran = Timers(), []

    def again():
        ran.append("again")
        timers.at(2.0, lambda: ran.append("now"))
        timers.at(9.0, lambda: ran.append("later"))

    timers.at(1.0, again)
    timers.run_due(2.0)
    assert ran == ["again", "now"]
    assert timers.next_at() == 9.0


def test_the_next_moment_is_that_of_a_call_or_of_a_name_whichever_comes_first():
    clock = FakeClock()
    timers = Timers(clock.monotonic)
    began = clock.monotonic()
    timers.after("look", 3.0)
    call = timers.at(began + 2.0, lambda: None)
    assert timers.wait_s(10.0) == 2.0
    call.cancel()
    assert timers.wait_s(10.0) == 3.0
    timers.run_due(began + 5.0)
    assert timers.next_at() == began + 3.0  # a name waits until it is taken


def test_a_timer_is_due_once():
    clock = FakeClock()
    timers = Timers(clock.monotonic)
    timers.after("look", 2.0)
    assert not timers.take("look")
    assert timers.wait_s(10.0) == 2.0
    clock.advance(2)
    assert timers.wait_s(10.0) == 0.0
    assert timers.take("look")
    assert not timers.take("look")
    assert timers.wait_s(10.0) == 10.0


def test_a_timer_that_is_set_stays_where_only_none_is_replaced():
    timers = Timers(FakeClock().monotonic)
    timers.after("look", 2.0)
    timers.set_if_none("look", 1.0)
    assert timers.wait_s(10.0) == 2.0


def test_a_name_that_is_set_anew_is_due_at_its_new_moment_alone():
    clock = FakeClock()
    timers = Timers(clock.monotonic)
    timers.after("look", 2.0)
    timers.after("look", 5.0)
    clock.advance(2)
    assert not timers.take("look")
    clock.advance(3)
    assert timers.take("look")
