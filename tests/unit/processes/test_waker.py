"""Waiting: woken at once by whatever there is to do."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from airflow_lite.processes.waker import Waker
from fixtures.waits import DEADLINE_S

LONG_S = 2 * DEADLINE_S


@pytest.fixture
def waker():
    made = Waker()
    yield made
    made.close()


def waited_s(waker):
    before = time.monotonic()
    waker.wait(LONG_S)
    return time.monotonic() - before


def test_a_wake_up_before_the_wait_is_not_lost(waker):
    waker.wake()
    assert waited_s(waker) < LONG_S / 2


def test_another_thread_wakes(waker):
    thread = threading.Thread(target=waker.wake)
    thread.start()
    assert waited_s(waker) < LONG_S / 2
    thread.join()


def test_a_readable_descriptor_wakes(waker):
    reader, writer = os.pipe()
    waker.watch(reader)
    os.write(writer, b"x")
    assert waited_s(waker) < LONG_S / 2
    os.close(reader)
    os.close(writer)


def test_what_is_heard_by_itself_wakes_only_if_it_says_so(waker):
    reader, writer = os.pipe()
    heard = []

    def hear():
        heard.append(os.read(reader, 1))
        return heard[-1] == b"!"

    waker.watch(reader, hear)
    os.write(writer, b"ab!")
    assert waited_s(waker) < LONG_S / 2
    assert heard == [b"a", b"b", b"!"]

    os.write(writer, b"c")
    waker.wait(0.01)
    assert heard[3:] == [b"c"]
    os.close(reader)
    os.close(writer)


def test_a_signal_wakes_and_its_descriptor_is_given_back(waker):
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        waker.wake_on_signals()
        os.kill(os.getpid(), signal.SIGUSR2)
        assert waited_s(waker) < LONG_S / 2
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_a_wait_without_an_end_is_ended_by_a_wake_up(waker):
    thread = threading.Thread(target=waker.wake)
    thread.start()
    waker.wait(None)
    thread.join()


def test_wakes_beyond_what_the_pipe_holds_never_block(waker):
    for _ in range(100_000):
        waker.wake()
    assert waited_s(waker) < LONG_S / 2
