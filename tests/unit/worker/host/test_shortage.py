"""How many attempts a host claims where descriptors, processes or memory run out."""

from __future__ import annotations

import pytest

from airflow_lite.worker.host.shortage import DESCRIPTORS_EACH, RESERVE, Shortage


@pytest.fixture
def make(clock):
    def make(left=10**6):
        return Shortage(clock, lambda *_: None, lambda: left)

    return make


@pytest.mark.parametrize(
    ("left", "running", "room"),
    [
        (RESERVE + 10 * DESCRIPTORS_EACH + 1, 5, 10),
        (RESERVE, 5, 0),
        (0, 5, -11),
        (0, 0, 1),  # else nothing would ever run
    ],
)
def test_no_more_is_claimed_than_there_are_descriptors_for(make, left, running, room):
    assert make(left).room(running) == room


def test_nothing_is_claimed_for_a_while_and_then_one_at_a_time(make, clock):
    shortage = make()
    delays = []
    for _ in range(7):
        shortage.fail("no process left")
        shortage.fail("no process left")  # of the same moment
        start = clock.monotonic()
        while shortage.room(5) == 0:
            clock.advance(0.25)
        delays.append(clock.monotonic() - start)
        assert shortage.room(5) == 1
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]

    shortage.succeed()
    assert shortage.room(5) == (10**6 - RESERVE) // DESCRIPTORS_EACH


def test_one_line_tells_of_a_shortage(make, clock, caplog):
    shortage = make()
    for _ in range(10):
        shortage.fail("no process left")
        clock.advance(1.0)
        shortage.succeed()
    assert [record.getMessage() for record in caplog.records] == [
        "attempts wait, since none can be started now: no process left"
    ]
