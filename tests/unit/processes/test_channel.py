"""Lines of JSON and descriptors over a socket that never blocks."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

import pytest

from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import receive, send
from airflow_lite.worker.messages import FROM_CHILD, Answer, Ask, PreviousRun
from airflow_lite.worker.task.line import Line


@pytest.fixture
def ends():
    ours, theirs = (Channel(end) for end in socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def test_messages_arrive_whole_and_in_order(ends):
    ours, theirs = ends
    for number in range(3):
        ours.send({"n": number, "text": "ü\n"})

    assert theirs.receive() == [{"n": number, "text": "ü\n"} for number in range(3)]
    assert theirs.receive() == []


def test_half_a_character_is_replaced_since_no_database_holds_it(ends):
    ours, theirs = ends
    ours.send({"cause": "no \udcff"})
    assert theirs.receive() == [{"cause": "no ?"}]


def test_more_than_the_socket_holds_waits_without_blocking(ends):
    ours, theirs = ends
    sent = [{"n": number, "text": "x" * 100_000} for number in range(30)]
    for message in sent:
        ours.send(message)
    assert ours.has_unsent

    found: list[Any] = []
    while len(found) < len(sent):
        ours.flush()
        found += theirs.receive()
    assert found == sent
    assert not ours.has_unsent


def test_descriptors_come_in_the_order_of_their_messages(ends):
    ours, theirs = ends
    pipes = [os.pipe() for _ in range(3)]
    for number, (_, write) in enumerate(pipes):
        ours.send({"n": number}, (write,))

    assert len(theirs.receive()) == 3
    for number, (read, _) in enumerate(pipes):
        got = theirs.fds.popleft()
        os.write(got, b"%d" % number)
        os.close(got)
        assert os.read(read, 10) == b"%d" % number
        os.close(read)


def test_the_end_of_the_peer_is_seen_after_its_last_message(ends):
    ours, theirs = ends
    ours.send({"last": True})
    ours.close()

    assert theirs.receive() == [{"last": True}]
    assert theirs.is_closed


def test_sending_to_a_closed_peer_closes_and_does_not_raise(ends):
    ours, theirs = ends
    theirs.close()
    ours.send({"n": 1})

    assert ours.is_closed
    assert not ours.has_unsent


def test_a_question_after_one_that_a_signal_interrupted_gets_its_own_answer():
    ours, theirs = socket.socketpair()
    host, line = Channel(ours), Line(theirs)

    def interrupt(_number, _frame):
        raise InterruptedError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(InterruptedError):
            line.ask(PreviousRun("success"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    (ask,) = receive(host, FROM_CHILD)
    assert isinstance(ask, Ask)
    send(host, Answer(ask.number, "an answer to the old one"))
    send(host, Answer(ask.number + 1, "an answer to the new one"))

    assert line.ask(PreviousRun("failed")) == "an answer to the new one"
    host.close()
    line.close()
