"""Timers run in order, once, unless cancelled."""

from __future__ import annotations

from airflow_lite.processes.timers import Timers


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
