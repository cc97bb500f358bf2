"""What crosses the boundaries of processes arrives as it was, and junk harms nobody."""

from __future__ import annotations

import json
import logging
import socket

import pytest

from airflow_lite.keys import TaskInstanceKey
from airflow_lite.processes.channel import Channel, encoded
from airflow_lite.processes.packing import packed, receive, unpacked
from airflow_lite.worker import messages as m
from airflow_lite.worker.zygote import dag_file

REQUEST = m.AttemptRequest(
    TaskInstanceKey("d", "t", "r", 1, -1, "a" * 32), {"id": 7}, notices=("careful",)
)
POLICY = m.RetryPolicy(60.0, 2, callbacks=("on_failure",))
OUTCOME = m.Outcome("failed", "E", skip_decision={"followed": ["a"]}, exit_code=0)


@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        (m.RunAttempts([["tasks", "run"]]), m.FROM_SCHEDULER),
        (m.CancelAttempt("a", 1), m.FROM_SCHEDULER),
        (m.CancelAttempt("a"), m.FROM_SCHEDULER),
        (m.Drain(), m.FROM_SCHEDULER),
        (m.StoreTrouble(None), m.FROM_HOST),
        (m.AttemptsEnded(["a", "b"]), m.FROM_HOST),
        (m.ForkZygote(1, "/f.py", "/dags", sentry=("dsn", "")), m.TO_BASE),
        (m.ZygoteEnded(1, None, "no process"), m.FROM_BASE),
        (m.PickledDag.of(b"\0\xff"), m.TO_ZYGOTE),
        (m.ForkAttempt(REQUEST), m.TO_ZYGOTE),
        (m.ChildOrder(REQUEST, 12.5), m.TO_CHILD),
        (m.FileParsed(None, "x", ["t"], ["socket"]), m.FROM_ZYGOTE),
        (m.AttemptForked("a", 5, POLICY), m.FROM_ZYGOTE),
        (m.ChildEnded("a", -9), m.FROM_ZYGOTE),
        (m.ReportOutcome(OUTCOME, POLICY, has_more=True), m.FROM_CHILD),
        (m.PullXComs("d", "r", 0, None, ["t"], [1]), m.QUESTIONS),
        (m.FinishedTasks(), m.QUESTIONS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_message_arrives_as_it_was_sent(message, kinds):
    arrived = unpacked(json.loads(encoded(packed(message))), kinds)

    assert (type(arrived), arrived) == (type(message), message)


def test_what_a_zygote_tells_of_a_fork_is_what_it_would_be_encoded_as():
    token = REQUEST.token
    policy = encoded(POLICY).strip()

    forked = encoded(packed(m.AttemptForked(token, 5, POLICY)))
    assert dag_file._FORKED % (token.encode(), 5, policy) == forked
    ended = encoded(packed(m.ChildEnded(token, -9)))
    assert dag_file._ENDED % (token.encode(), -9) == ended


def test_a_pickle_survives_the_way_to_the_zygote():
    assert m.PickledDag.of(b"\0\xff").payload == b"\0\xff"


@pytest.mark.parametrize(
    "junk",
    [
        b"no JSON",
        b"\xff\xfe",
        b"[" * 100_000,
        b"7",
        b"null",
        b'"PushXCom"',
        b"{}",
        b"[]",
        b"[[]]",
        b'["Drain"]',
        b'["NoSuchThing", 1]',
        b'["PushXCom"]',
        b'["PushXCom", "key", {}]',
        b'["PushXCom", "key", "1", "more"]',
        b'["SaveRendered", 7]',
        b'["ReportOutcome", ["success"], [null, "many"], false]',
        b'["ReportOutcome", {"state": "success"}, [], false]',
        b'["Ask", "one", []]',
        b'["Ask", 1, "FinishedTasks"]',
    ],
    ids=lambda junk: junk[:50].decode(errors="replace"),
)
def test_junk_on_the_line_of_a_child_is_logged_and_what_follows_is_heard(junk, caplog):
    ours, theirs = socket.socketpair()
    host = Channel(ours)
    with theirs:
        theirs.sendall(junk + b"\n" + encoded(packed(m.CallbacksDone())))

        with caplog.at_level(logging.WARNING):
            heard = receive(host, m.FROM_CHILD)

    host.close()
    assert heard == [m.CallbacksDone()]
    (record,) = caplog.records
    assert record.getMessage().startswith("what another process sent is ignored: no message: ")


def test_a_message_of_another_channel_is_none():
    with pytest.raises(ValueError, match="no message"):
        unpacked(packed(m.Terminate(0.0)), m.FROM_CHILD)
