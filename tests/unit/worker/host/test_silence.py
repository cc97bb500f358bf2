"""When a task host that says nothing counts as one that hangs."""

from __future__ import annotations

import pytest

from airflow_lite.config import Config
from airflow_lite.worker.host.silence import START_S, Silence

BEAT_S, STOPPED_S, ANY_S = 2.0, 10.0, 30.0  # as configured by default; the last with SQLite's wait


@pytest.fixture
def silence(tmp_path):
    silence = Silence(Config(tmp_path))
    silence.begin()
    return silence


def pass_time(silence, seconds, step=BEAT_S, start=0.0):
    now = start
    silence.look(now)
    while now < start + seconds:
        now += step
        silence.look(now)


@pytest.mark.parametrize(("is_stopped", "limit_s"), [(True, STOPPED_S), (False, ANY_S)])
def test_a_host_hangs_after_the_timeout_and_one_that_may_wait_for_its_database_later(
    silence, is_stopped, limit_s
):
    silence.hear()
    pass_time(silence, limit_s - BEAT_S)
    assert not silence.is_too_long(is_stopped=is_stopped)
    silence.hear()
    pass_time(silence, limit_s)
    assert silence.is_too_long(is_stopped=is_stopped)


def test_a_host_that_was_just_started_gets_its_time(silence):
    pass_time(silence, START_S - BEAT_S)
    assert not silence.is_too_long(is_stopped=True)
    silence.rest()
    pass_time(silence, START_S)
    assert silence.is_too_long(is_stopped=False)


def test_a_pause_of_our_own_is_not_the_hosts_silence(silence):
    silence.hear()
    pass_time(silence, 3600.0, step=1200.0)
    assert not silence.is_too_long(is_stopped=True)


def test_a_host_that_nothing_is_expected_of_may_be_silent(silence):
    silence.hear()
    pass_time(silence, STOPPED_S - BEAT_S)
    silence.rest()
    pass_time(silence, STOPPED_S - BEAT_S, start=100.0)
    assert not silence.is_too_long(is_stopped=True)
