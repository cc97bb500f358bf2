"""A key that still runs is looked at as often as Airflow does."""

from __future__ import annotations

import pytest

from airflow_lite.api.executor.base import RunningRetryAttemptType


@pytest.mark.parametrize(("loop_s", "tries"), [(0.5, 12), (1.0, 7), (1.7, 4), (10, 2)])
def test_looks_go_on_until_one_came_after_the_minimum(monkeypatch, clock, loop_s, tries):
    monkeypatch.setattr(RunningRetryAttemptType, "MIN_SECONDS", 5)
    attempt = RunningRetryAttemptType(clock)
    while attempt.can_try_again():
        clock.seconds += loop_s
    assert attempt.total_tries == tries
    assert attempt.tries_after_min == 1
