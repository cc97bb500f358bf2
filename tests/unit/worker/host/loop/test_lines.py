"""What comes over the lines of attempts, whatever it is, and how their processes end."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

import pytest

from airflow_lite.processes.channel import Channel, encoded
from airflow_lite.processes.packing import packed, receive
from airflow_lite.worker.host import task_line
from airflow_lite.worker.host.questions import MOST_UNANSWERED
from airflow_lite.worker.messages import (
    ANSWERS,
    Answer,
    Ask,
    AttemptForked,
    FinishedTasks,
    ForkFailed,
    Outcome,
    PullXComs,
    PushXCom,
    ReportOutcome,
    RetryPolicy,
    SaveRendered,
)
from airflow_lite.worker.task.line import Line
from fixtures.host_loop import MOST_XCOM_BYTES, NOBODY, SUCCESS, Child


def _outcome(state="success", policy=None, **fields):
    report = ReportOutcome(Outcome(state, **fields), policy or RetryPolicy(), has_more=False)
    return encoded(packed(report))


def _push(key, value):
    return encoded(packed(PushXCom(key, value)))


_JUNK = {
    "no text": b"\xff",
    "no message": b"{}",
    "a message of nobody": b'["Drain"]',
    "fields that do not fit": b'["PushXCom", {}, []]',
    "an outcome that is none": b'["ReportOutcome", [[]], [], 1]',
    "endless nesting": b"[" * 100_000,
    "pieces of two messages": _push("a", "1")[:9] + _push("b", "2"),
    "a state of nobody": _outcome("banana"),
    "a state that is not the task's to give": _outcome("queued"),
    "an integer that no database holds": _outcome(cpu_us=10**30),
    "a moment that no database holds": _outcome("up_for_reschedule", next_at_us=-(10**30)),
    "a number that is none": _outcome("failed", RetryPolicy(retry_delay_s=float("nan"))),
    "a number without an end": _outcome("failed", RetryPolicy(retry_delay_s=float("inf"))),
    "a text with a NUL": _outcome("failed", cause="\0"),
    "half a character": b'["ReportOutcome",["failed","\\ud800"],[],false]',
    "tasks to skip that are no names": _outcome(skip_decision={"skip": [1]}),
    "a length below 0": _outcome(map_length=-1),
    "a name of a map index that is too long": _outcome(rendered_map_index="x" * 251),
    "what is no change of a dataset": _outcome(changes=[["s3://a", "{}"]]),
    "a dataset or an alias with a name that is too long": _outcome(
        changes=[["s3://a", "{}", ["x" * 2_501]]]
    ),
    "what is no JSON": _outcome(changes=[["s3://a", "{", []]]),
    "a deferral without a method": _outcome("deferred", trigger_spec="{}", next_kwargs="{}"),
    "a deferral without a trigger": _outcome("deferred", next_method="m", next_kwargs="{}"),
    "a deferral whose arguments are none": _outcome(
        "deferred", trigger_spec="{}", next_method="m", next_kwargs="[]"
    ),
    "a callback of nobody": _outcome("failed", RetryPolicy(callbacks=("rm",))),
    "an XCom without a key": _push("", "1"),
    "an XCom of a long key": _push("k" * 513, "1"),
    "an XCom that is no JSON": _push("k", "{"),
    "an XCom past the limit": _push("k", '"' + "x" * MOST_XCOM_BYTES + '"'),
    "rendered fields that are no JSON": encoded(packed(SaveRendered("{"))),
}


@pytest.mark.parametrize("junk", _JUNK.values(), ids=_JUNK)
def test_junk_on_the_line_of_an_attempt_fails_it_and_no_other(hosted, loop, begin, junk):
    odd, other = begin("odd"), begin("other")
    odd.write(junk + b"\n")
    odd.zygote.send(AttemptForked(odd.request.token, NOBODY, RetryPolicy()))
    loop.turn()
    odd.end(-9)
    other.send(SUCCESS)
    loop.turn()

    cause = hosted.attempt(odd.request.token).cause
    assert cause.startswith("its code wrote to the socket on which its process reports to the task")
    assert cause.endswith("; killed by signal 9 (SIGKILL)")
    assert [hosted.row(name).state for name in ("odd", "other")] == ["failed", "success"]


def test_a_line_without_an_end_is_read_to_its_limit_and_fails_its_attempt(
    hosted, loop, begin, monkeypatch
):
    monkeypatch.setattr(task_line, "_LONGEST", 1 << 16)
    endless, other = begin("endless"), begin("other")
    with suppress(BlockingIOError, BrokenPipeError):
        endless.line.setblocking(False)
        for _ in range(100):
            endless.write(b"x" * 100_000)
            loop.turn()
    endless.end(-9)
    other.send(SUCCESS)
    loop.turn()

    cause = hosted.attempt(endless.request.token).cause
    assert "a line of more than " in cause
    assert [hosted.row(name).state for name in ("endless", "other")] == ["failed", "success"]


def test_descriptors_that_belong_to_no_message_fail_their_attempt(hosted, loop, begin):
    child = begin()
    read, write = os.pipe()
    socket.send_fds(child.line, [encoded(packed(PushXCom("k", "1")))], [read])
    os.close(read)
    os.close(write)
    loop.turn()
    child.end(-9)
    loop.turn()

    assert "descriptors that no message goes with" in hosted.attempt(child.request.token).cause


def test_who_asks_without_listening_fails_and_keeps_nobody_waiting(hosted, loop, begin):
    asks, other = begin("asks"), begin("other")
    for number in range(MOST_UNANSWERED + 1):
        asks.send(Ask(number, packed(FinishedTasks())))
    other.send(Ask(1, packed(FinishedTasks())))
    loop.turn()
    asks.end(-9)
    loop.turn()

    assert receive(Channel(other.line), ANSWERS) == [Answer(1, [])]
    assert "questions without an answer" in hosted.attempt(asks.request.token).cause


def test_what_a_forked_process_pushed_is_there_when_another_asks_or_reports(hosted, loop, begin):
    child = begin()
    line = Line(child.line)
    line._open_door()
    forked = Line(child.line.dup())
    forked._door = line._door
    forked._leave()
    forked.send(PushXCom("k", "7"))
    line.send(Ask(1, packed(PullXComs("hosted", "run", 0, "k", ["t"]))))
    loop.turn()
    (answer,) = receive(Channel(child.line), ANSWERS)
    assert [row[3] for row in answer.value] == ["7"]

    forked.send(PushXCom("late", "8"))
    line.send(SUCCESS)
    loop.turn()
    assert hosted.row("t").state == "success"
    assert hosted.xcoms("t") == {"k": 7, "late": 8}
    forked.close()


def test_a_forked_process_reports_no_outcome(hosted, loop, begin):
    child = begin()
    line = Line(child.line)
    line._open_door()
    forked = Line(child.line.dup())
    forked._door = line._door
    forked._leave()
    forked.send(SUCCESS)
    loop.turn()
    child.end(-9)
    loop.turn()
    assert "no message: ['ReportOutcome'" in hosted.attempt(child.request.token).cause
    forked.close()


def test_an_attempt_whose_zygote_died_is_tried_again(hosted, loop, begin):
    child = begin("any")
    child.zygote.die()
    loop.turn()

    assert hosted.attempt(child.request.token).cause == "its zygote died"
    assert hosted.row("any").state == "up_for_retry"


def test_an_attempt_that_no_process_could_be_made_for_fails_with_the_reason(hosted, loop, begin):
    child = begin()
    child.zygote.send(ForkFailed(child.request.token, "no process more"))
    loop.turn()

    cause = hosted.attempt(child.request.token).cause
    assert cause == "could not be started: no process more"


def test_an_attempt_that_no_process_is_left_for_is_queued_again_and_runs_later(
    hosted, loop, begin, clock
):
    child = begin()
    token = child.request.token
    child.zygote.send(ForkFailed(token, "no process left", is_shortage=True))
    loop.turn()

    row = hosted.row("t")
    assert (row.state, row.attempt, row.supervisor, row.start_us) == ("queued", token, None, None)
    assert row.try_started_us is None
    assert row.change_cause == "given back: could not be started: no process left"
    assert hosted.attempt(token).claimed_us is None
    clock.advance(0.5)
    loop.turn()
    loop.turn()
    again = Child(child.zygote)
    assert again.request.token == token
    again.send(SUCCESS)
    loop.turn()
    assert hosted.row("t").state == "success"
    again.line.close()


def test_an_attempt_that_was_cleared_while_it_is_given_back_is_not_queued(hosted, loop, begin):
    child = begin()
    hosted.mark("t", "restarting")
    child.zygote.send(ForkFailed(child.request.token, "no process left", is_shortage=True))
    loop.turn()
    assert hosted.row("t").state is None


def test_an_outcome_counts_though_its_process_ended_badly_afterwards(hosted, loop, begin):
    child = begin()
    child.send(SUCCESS)
    child.end(-11)
    loop.turn()

    assert hosted.row("t").state == "success"
