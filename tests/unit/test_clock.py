"""Moments as they are printed."""

from __future__ import annotations

import pytest

from airflow_lite.clock import iso


def test_a_moment_is_printed_as_airflow_does_and_none_stays() -> None:
    assert iso(1_704_067_200_000_000) == "2024-01-01T00:00:00+00:00"
    assert iso(None) is None


@pytest.mark.parametrize("junk", [b"\xff", "junk", 2**62, -(2**63)])
def test_what_is_no_moment_is_shown_as_it_is(junk) -> None:
    assert iso(junk) == repr(junk)
