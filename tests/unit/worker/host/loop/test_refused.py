"""What the database refuses fails its attempt, and no other in the same turn."""

from __future__ import annotations

import pytest

from airflow_lite.processes.packing import send
from airflow_lite.worker.host.loop import UNRECORDED
from airflow_lite.worker.messages import (
    AttemptsDropped,
    AttemptsEnded,
    Drain,
    Outcome,
    PushXCom,
    ReportOutcome,
    RetryPolicy,
    RunAttempts,
    SaveRendered,
)
from fixtures.host_loop import SUCCESS, heard, on_both, troubles
from fixtures.store_rows import refuse_rows

REFUSED = [
    ("xcom", "NEW.key = 'odd'"),
    ("rendered_fields", "NEW.fields = '1'"),
    ("attempt", "NEW.outcome = 'skipped'"),
    ("task_instance", "NEW.state = 'skipped'"),
]


@on_both
@pytest.mark.parametrize(("table", "condition"), REFUSED, ids=[table for table, _ in REFUSED])
def test_what_the_database_refuses_fails_its_attempt_and_no_other(
    hosted, loop, scheduler, begin, table, condition
):
    refuse_rows(hosted.store, table, condition)
    odd, other = begin("odd"), begin("other")
    for child in (odd, other):
        child.send(PushXCom("k", "1"))
    odd.send(PushXCom("odd", "1"))
    odd.send(SaveRendered("1"))
    odd.send(ReportOutcome(Outcome("skipped"), RetryPolicy(), has_more=False))
    other.send(SUCCESS)
    loop.turn()

    assert [hosted.row(name).state for name in ("odd", "other")] == ["failed", "success"]
    cause = hosted.attempt(odd.request.token).cause
    assert cause.startswith("what it gave cannot be recorded: ")
    assert hosted.xcoms("other") == {"k": 1}
    assert hosted.xcoms("odd") == {}
    told = [message for message in heard(scheduler) if isinstance(message, AttemptsEnded)]
    assert sorted(token for message in told for token in message.tokens) == sorted(
        child.request.token for child in (odd, other)
    )


@on_both
def test_a_running_attempt_whose_xcom_is_refused_is_stopped_and_retried(
    hosted, loop, scheduler, begin, ends
):
    refuse_rows(hosted.store, "xcom", "NEW.key = 'odd'")
    child = begin("any")
    child.send(PushXCom("odd", "1"))
    loop.turn()
    assert hosted.row("any").state == "running"
    child.send(ReportOutcome(Outcome("success"), RetryPolicy(retries=1), has_more=False))
    loop.turn()

    assert hosted.row("any").state == "up_for_retry"
    assert hosted.row("any").change_cause.startswith("what it gave cannot be recorded: ")
    assert ends == [(child.request.token, "up_for_retry")]
    assert troubles(scheduler) == []


@on_both
def test_a_claim_that_is_refused_keeps_no_other_from_running(hosted, loop, scheduler, base):
    odd, other = hosted.queue("odd"), hosted.queue("other")
    row = hosted.row("odd").id
    refuse_rows(hosted.store, "task_instance", f"NEW.id = {row} AND NEW.state = 'running'")
    commands = [hosted.command(*item).words() for item in (("odd", odd), ("other", other))]
    send(scheduler, RunAttempts(commands))
    loop.turn()
    (zygote,) = base.new_zygotes()
    zygote.parse()
    loop.turn()
    loop.turn()

    assert [hosted.row(name).state for name in ("odd", "other")] == ["queued", "running"]
    assert AttemptsDropped([odd]) in heard(scheduler)


@on_both
def test_an_attempt_of_which_no_end_is_taken_is_let_go(hosted, loop, scheduler, begin, ends):
    odd, other = begin("odd"), begin("other")
    row = hosted.row("odd").id
    refuse_rows(hosted.store, "task_instance", f"NEW.id = {row} AND NEW.end_us IS NOT NULL")
    for child in (odd, other):
        child.send(SUCCESS)
    loop.turn()

    assert [hosted.row(name).state for name in ("odd", "other")] == ["running", "success"]
    assert (odd.request.token, UNRECORDED) in ends
    send(scheduler, Drain())
    loop.turn()
    assert loop.is_over
