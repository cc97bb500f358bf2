"""What one turn of a task host's loop hears, writes, and tells its scheduler."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_lite.processes.channel import Channel
from airflow_lite.processes.packing import receive, send
from airflow_lite.worker.host.loop import FIRST_RETRY_S
from airflow_lite.worker.messages import (
    BEGIN,
    AttemptForked,
    AttemptsDropped,
    AttemptsEnded,
    Begin,
    CancelAttempt,
    Drain,
    PushXCom,
    ReleaseAttempts,
    RetryPolicy,
    RunAttempts,
)
from airflow_lite.worker.settings import HostSettings
from fixtures.host_loop import NOBODY, SUCCESS, Child, heard, on_both


def test_an_attempt_is_claimed_run_recorded_and_told_of(hosted, loop, scheduler, begin, ends):
    child = begin()
    assert hosted.row("t").state == "running"

    child.send(PushXCom("return_value", "7"))
    child.send(SUCCESS)
    loop.turn()

    assert hosted.row("t").state == "success"
    assert hosted.xcoms("t") == {"return_value": 7}
    assert heard(scheduler) == [AttemptsEnded([child.request.token])]
    assert ends == [(child.request.token, "success")]


@pytest.fixture
def claim(hosted, base, loop, scheduler):
    """Queue an attempt and bring it to its claim: `before` is called between look-up and claim."""
    children: list[Any] = []

    def claim(before):
        token = hosted.queue("t")
        send(scheduler, RunAttempts([hosted.command("t", token).words()]))
        loop.turn()
        (zygote,) = base.new_zygotes()
        zygote.parse()
        before()
        loop.turn()
        children.append(Child(zygote))
        return children[-1]

    yield claim
    for child in children:
        child.line.close()


def orders(child):
    """Return what the host has said over the line of a child, and whether it hung up."""
    channel = Channel(child.line)
    return receive(channel, BEGIN), channel.is_closed


def test_a_process_that_is_forked_ahead_begins_once_its_claim_is_written(
    hosted, loop, claim, clock, failing_commits
):
    child = claim(lambda: failing_commits.append("out of order"))
    assert orders(child) == ([], False)
    assert hosted.row("t").state == "queued"

    failing_commits.clear()
    clock.advance(FIRST_RETRY_S)
    loop.turn()

    assert hosted.row("t").state == "running"
    assert orders(child) == ([Begin(clock.monotonic())], False)
    assert child.zygote.heard() == []  # it is handed over once
    child.send(SUCCESS)
    loop.turn()
    assert hosted.row("t").state == "success"


@on_both
def test_a_process_whose_claim_is_lost_never_begins(hosted, scheduler, claim):
    child = claim(lambda: hosted.mark("t", "success"))

    assert orders(child) == ([], True)
    assert heard(scheduler) == [AttemptsDropped([child.request.token])]
    assert hosted.row("t").state == "success"


def test_an_attempt_that_is_stopped_while_its_claim_is_written_never_begins(
    hosted, loop, scheduler, claim, clock, failing_commits
):
    child = claim(lambda: failing_commits.append("out of order"))
    send(scheduler, CancelAttempt(child.request.token))
    loop.turn()
    failing_commits.clear()
    clock.advance(FIRST_RETRY_S)
    loop.turn()

    assert orders(child) == ([], True)
    assert hosted.row("t").state == "failed"
    assert hosted.row("t").change_cause == "revoked"


def test_a_process_that_ends_while_its_claim_is_written_fails_its_attempt(
    hosted, loop, claim, clock, failing_commits
):
    child = claim(lambda: failing_commits.append("out of order"))
    child.zygote.send(AttemptForked(child.request.token, NOBODY, RetryPolicy()))
    child.line.close()
    child.end(-9)
    loop.turn()
    failing_commits.clear()
    clock.advance(FIRST_RETRY_S)
    loop.turn()
    loop.turn()

    assert hosted.row("t").state == "failed"
    assert hosted.row("t").change_cause.startswith("killed by signal 9 (SIGKILL)")


def test_an_attempt_whose_zygote_dies_while_its_claim_is_written_begins_in_another(
    hosted, base, loop, claim, clock, failing_commits
):
    child = claim(lambda: failing_commits.append("out of order"))
    child.end(-9)
    loop.turn()
    child.zygote.die()
    loop.turn()
    failing_commits.clear()
    clock.advance(FIRST_RETRY_S)
    loop.turn()
    (zygote,) = base.new_zygotes()
    zygote.parse()
    loop.turn()
    loop.turn()
    second = Child(zygote)

    assert orders(child) == ([], True)
    assert orders(second) == ([Begin(clock.monotonic())], False)
    second.send(SUCCESS)
    loop.turn()
    second.line.close()
    assert hosted.row("t").state == "success"


def test_an_attempt_that_is_not_queued_is_dropped_and_told_of(hosted, loop, scheduler, ends):
    token = hosted.queue("t")
    hosted.mark("t", "success")
    send(scheduler, RunAttempts([hosted.command("t", token).words()]))
    loop.turn()

    assert heard(scheduler) == [AttemptsDropped([token])]
    assert ends == [(token, None)]


def test_words_that_are_no_run_command_keep_no_other_from_running(
    hosted, loop, scheduler, base, caplog
):
    words = hosted.command("t", hosted.queue("t")).words()
    send(scheduler, RunAttempts([["rm", "-rf"], words]))
    loop.turn()

    assert len(base.new_zygotes()) == 1
    assert "not a run command" in caplog.text


def test_an_attempt_that_is_given_twice_runs_once(hosted, loop, scheduler, base):
    words = hosted.command("t", hosted.queue("t")).words()
    send(scheduler, RunAttempts([words, words]))
    loop.turn()
    (zygote,) = base.new_zygotes()
    zygote.parse()
    loop.turn()

    assert len(zygote.heard()) == 1


def test_what_waits_is_released_and_what_is_claimed_stays(hosted, loop, scheduler, begin):
    child = begin("claimed")
    waiting = hosted.queue("waits")
    send(scheduler, RunAttempts([hosted.command("waits", waiting).words()]))
    send(scheduler, ReleaseAttempts([waiting, child.request.token]))
    loop.turn()

    assert heard(scheduler) == [AttemptsDropped([waiting])]
    assert hosted.row("claimed").state == "running"


def test_a_host_that_drains_takes_nothing_new_and_ends_after_what_runs(
    hosted, loop, scheduler, begin
):
    child = begin()
    late = hosted.queue("late")
    send(scheduler, Drain())
    send(scheduler, RunAttempts([hosted.command("late", late).words()]))
    loop.turn()
    assert heard(scheduler) == [AttemptsDropped([late])]
    assert not loop.is_over

    child.send(SUCCESS)
    loop.turn()
    assert loop.is_over


def test_a_host_whose_scheduler_is_gone_records_what_runs_by_itself(hosted, loop, scheduler, begin):
    child = begin()
    scheduler.close()
    loop.turn()
    assert not loop.is_over

    child.send(SUCCESS)
    loop.turn()
    assert hosted.row("t").state == "success"
    assert loop.is_over


def test_a_cancelled_attempt_ends_with_the_reason(hosted, loop, scheduler, begin):
    child = begin()
    send(scheduler, CancelAttempt(child.request.token))
    loop.turn()
    child.end(-15)
    loop.turn()

    assert hosted.attempt(child.request.token).cause.startswith("revoked; ")


def test_an_attempt_whose_row_was_set_by_somebody_is_stopped(hosted, loop, begin, clock):
    child = begin()
    hosted.mark("t", "success")
    clock.advance(HostSettings.read(hosted.config).beat_interval_s)
    loop.turn()
    child.end(-15)
    loop.turn()

    cause = hosted.attempt(child.request.token).cause
    assert cause.startswith("its row was set to success; ")
