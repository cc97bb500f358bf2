"""The clock that tests move."""

from __future__ import annotations

import pytest

from airflow_lite_testing.clock import START_US, FakeClock


def test_it_stands_still_until_told() -> None:
    clock = FakeClock()
    assert (clock.now_us(), clock.monotonic()) == (START_US, 0.0)


def test_both_times_advance_together() -> None:
    clock = FakeClock(5)
    clock.advance(1.5)
    assert (clock.now_us(), clock.monotonic()) == (1_500_005, 1.5)


def test_setting_the_wall_leaves_the_monotonic_time() -> None:
    clock = FakeClock()
    clock.advance(2)
    clock.set_wall(0)
    assert (clock.now_us(), clock.monotonic()) == (0, 2.0)


def test_it_never_goes_back() -> None:
    with pytest.raises(ValueError, match="A clock goes forward: -1 s"):
        FakeClock().advance(-1)
