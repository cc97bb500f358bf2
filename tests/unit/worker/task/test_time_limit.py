"""A time limit is an alarm in the process itself, also one that is over before it begins."""

from __future__ import annotations

import signal
import time

import pytest

from airflow_lite.worker.task.signals import TimeLimit


class Over(Exception):
    """What the handler ends the code with."""


def overran(_number, _frame):
    raise Over


@pytest.fixture(autouse=True)
def _alarm_as_before():
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("limit_s", [0.0, 0.01, -5.0])
def test_code_is_ended_once_its_time_is_over(limit_s):
    limit = TimeLimit(limit_s, time.monotonic())
    with pytest.raises(Over):
        limit.start(overran)
        signal.sigtimedwait([], 60)
    assert limit.is_over
    assert str(limit.error()) == (
        f"The task ran longer than its execution_timeout of {limit_s:g} s."
    )


def test_time_counts_from_when_the_code_began():
    with pytest.raises(Over):
        TimeLimit(3600.0, time.monotonic() - 3600.0).start(overran)
        signal.sigtimedwait([], 60)


def test_without_a_limit_the_signal_is_left_alone():
    before = signal.getsignal(signal.SIGALRM)
    limit = TimeLimit(None, time.monotonic())
    limit.start(overran)
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert not limit.is_over


def test_a_limit_that_is_stopped_ends_nothing():
    limit = TimeLimit(3600.0, time.monotonic())
    limit.start(overran)
    limit.stop()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert not limit.is_over
