"""Failures in a row are followed by longer and longer delays, until one try succeeds."""

from __future__ import annotations

import pytest

from airflow_lite.processes.backoff import Backoff


@pytest.fixture
def backoff():
    return Backoff(first_s=0.5, longest_s=5.0)


def test_each_delay_is_twice_the_last_up_to_the_longest(backoff):
    assert [backoff.fail(0.0) for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_failures_without_end_stay_at_the_longest_delay(backoff):
    backoff.failures = 10**9
    assert backoff.fail(0.0) == 5.0


def test_after_a_success_the_delays_begin_anew(backoff):
    assert [backoff.fail(0.0), backoff.fail(0.0)] == [0.5, 1.0]
    backoff.succeed()
    assert backoff.delay_s == 0.0
    assert backoff.fail(0.0) == 0.5


def test_the_delay_counts_from_the_latest_failure(backoff):
    assert backoff.left_s(100.0) == 0.0
    backoff.fail(10.0)
    backoff.fail(20.0)
    assert [backoff.left_s(now) for now in (20.0, 20.25, 21.0, 30.0)] == [1.0, 0.75, 0.0, 0.0]


@pytest.mark.parametrize(("most_s", "left_s"), [(0.25, 0.25), (9.0, 0.5), (None, 0.5)])
def test_who_is_in_a_hurry_waits_no_longer_than_he_says(backoff, most_s, left_s):
    backoff.fail(10.0)
    assert backoff.left_s(10.0, most_s) == left_s


def test_an_outage_lasts_from_its_first_failure_until_a_success(backoff):
    assert backoff.lasted_s(7.0) == 0.0
    backoff.fail(5.0)
    backoff.fail(6.0)
    assert backoff.lasted_s(8.0) == 3.0
    backoff.succeed()
    assert backoff.lasted_s(9.0) == 0.0
    backoff.fail(10.0)
    assert backoff.lasted_s(11.0) == 1.0
