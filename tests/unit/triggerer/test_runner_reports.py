"""What the process of triggers tells gets through, however much it is."""

from __future__ import annotations

import select
import socket
import threading

import pytest

from airflow_lite.processes.channel import Channel
from airflow_lite.triggerer.messages import TriggerFired
from airflow_lite.triggerer.runner import Runner
from fixtures.waits import DEADLINE_S

#: More than a socket takes at once.
LARGE = '"' + "x" * 4_000_000 + '"'


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def telling(ends):
    """A thread that tells of something large, and waits for room."""
    runner = Runner(ends[0], options=None, questions=None)  # type: ignore[arg-type]
    thread = threading.Thread(target=runner.send, args=[TriggerFired(1, "token", LARGE)])
    thread.daemon = True
    thread.start()
    return thread


def test_a_large_report_gets_through_as_the_parent_reads_it(ends, telling):
    parent = Channel(ends[1])
    found: list[object] = []
    while not found:
        assert select.select([parent], [], [], DEADLINE_S)[0]
        found = parent.receive()
    telling.join(DEADLINE_S)
    assert not telling.is_alive()
    assert LARGE[1:-1] in str(found)


def test_a_parent_that_is_gone_is_waited_for_no_longer(ends, telling):
    ends[1].recv(1)
    ends[1].close()
    telling.join(DEADLINE_S)
    assert not telling.is_alive()
