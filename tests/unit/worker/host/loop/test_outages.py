"""A database that fails the loop of a task host: what is kept, told, and written again."""

from __future__ import annotations

import pytest

from airflow_lite.store import schema
from airflow_lite.store.faults import MOST_PASSING
from airflow_lite.worker.host.loop import FIRST_RETRY_S, GIVE_UP_S, LONGEST_RETRY_S
from airflow_lite.worker.host.state import LAZY_S
from airflow_lite.worker.messages import (
    AttemptForked,
    AttemptsEnded,
    PushXCom,
    RetryPolicy,
    StoreTrouble,
)
from fixtures.host_loop import LAZY, NOBODY, SUCCESS, heard, troubles
from fixtures.query_plans import recorded_statements


class _Deadlock(Exception):
    sqlstate = "40P01"


def test_an_outcome_that_cannot_be_written_is_kept_and_written_later(
    hosted, loop, scheduler, begin, clock, failing_commits
):
    child = begin()
    failing_commits.append("out of order")
    child.send(SUCCESS)
    loop.turn()
    (trouble,) = heard(scheduler)
    assert isinstance(trouble, StoreTrouble)
    assert str(trouble.reason).startswith("its task host cannot use the metadata database: ")
    assert hosted.row("t").state == "running"

    failing_commits.clear()
    loop.turn()
    assert heard(scheduler) == []  # not before its time
    clock.advance(FIRST_RETRY_S)
    loop.turn()

    assert heard(scheduler) == [StoreTrouble(None), AttemptsEnded([child.request.token])]
    assert hosted.row("t").state == "success"


def test_an_outage_is_told_once_and_so_is_its_end(
    loop, scheduler, begin, clock, failing_commits, caplog
):
    caplog.set_level("INFO")
    child = begin()
    failing_commits.append("out of order")
    child.send(SUCCESS)
    for _ in range(8):
        loop.turn()
        clock.advance(LONGEST_RETRY_S)
    failing_commits.clear()
    loop.turn()

    told = [line for line in caplog.messages if "the metadata database" in line]
    assert told == [
        "the task host cannot use the metadata database, trying on: disk I/O error",
        "the task host can use the metadata database again",
    ]
    assert AttemptsEnded([child.request.token]) in heard(scheduler)


@pytest.mark.parametrize("hosted", ["postgresql"], indirect=True)
def test_an_end_that_may_be_lost_with_the_server_is_written_again_in_another_session(
    hosted, loop, begin, clock
):
    child = begin()
    child.send(PushXCom("return_value", "7"))
    child.send(SUCCESS)
    loop.turn()
    assert hosted.row("t").state == "success"
    hosted.store.close()  # the next session may be with a server that went down and is up again
    hosted.mark("t", "running")  # as it is where the disk did not have the end yet
    with hosted.store.begin() as connection:
        connection.execute(schema.xcom.delete())

    clock.advance(LAZY_S)
    loop.turn()

    assert hosted.row("t").state == "success"
    assert hosted.xcoms("t") == {"return_value": 7}
    assert hosted.attempt(child.request.token).accepted


@pytest.mark.parametrize("hosted", ["postgresql"], indirect=True)
def test_an_end_that_the_disk_has_is_not_written_again(hosted, loop, begin, clock):
    child = begin()
    child.send(SUCCESS)
    loop.turn()
    clock.advance(LAZY_S)
    loop.turn()
    hosted.store.close()  # the next session may be with a server that went down and is up again
    hosted.mark("t", "running")

    with recorded_statements(hosted.store) as statements:
        clock.advance(LAZY_S)
        loop.turn()

    assert statements == []
    assert hosted.row("t").state == "running"


@pytest.mark.parametrize("hosted", ["postgresql"], indirect=True)
@pytest.mark.parametrize("has_scheduler", [True, False])
def test_an_end_waits_for_the_disk_at_once_where_nobody_is_there_to_write_it_again(
    hosted, loop, scheduler, begin, clock, has_scheduler
):
    child = begin()
    if not has_scheduler:
        scheduler.close()
        loop.turn()
    with recorded_statements(hosted.store) as statements:
        child.send(SUCCESS)
        loop.turn()
        first = [*statements]
        clock.advance(LAZY_S)
        if has_scheduler:
            loop.turn()
    later = [LAZY in text for text, _ in statements[len(first) :] if text.startswith("BEGIN")]

    ends = [values["is_lazy"] for text, values in first if text.startswith("WITH ended")]
    assert ends == [has_scheduler]
    assert not any(LAZY in text for text, _ in first)
    assert later == [False] * has_scheduler


@pytest.mark.parametrize("is_committed", [True, False], ids=["done", "not done"])
def test_an_end_that_is_written_again_counts_once(
    hosted, loop, scheduler, begin, clock, lost_answers, is_committed
):
    answers = lost_answers(hosted.store)
    answers.lose("INSERT INTO callback_request", is_committed=is_committed)
    child = begin()
    policy = RetryPolicy(callbacks=("on_failure",))
    child.zygote.send(AttemptForked(child.request.token, NOBODY, policy))
    loop.turn()
    child.end(-9)
    loop.turn()
    if is_committed:  # and meanwhile it was cleared, and queued once more
        hosted.mark("t", None)
        again = hosted.queue("t", 2)
        assert hosted.row("t").attempt == again
    clock.advance(FIRST_RETRY_S)
    loop.turn()

    assert answers.made == 1
    assert AttemptsEnded([child.request.token]) in heard(scheduler)
    attempt = hosted.attempt(child.request.token)
    assert (attempt.outcome, attempt.accepted) == ("failed", True)
    with hosted.store.read() as connection:
        assert len(connection.execute(schema.callback_request.select()).all()) == 1


def test_a_callback_is_asked_for_once_where_an_end_is_written_again(
    hosted, loop, begin, clock, lost_answers
):
    lost_answers(hosted.store).lose("INSERT INTO callback_request", is_committed=True)
    child = begin()
    policy = RetryPolicy(callbacks=("on_failure",))
    child.zygote.send(AttemptForked(child.request.token, NOBODY, policy))
    loop.turn()
    child.end(-9)
    loop.turn()
    clock.advance(FIRST_RETRY_S)
    loop.turn()

    with hosted.store.read() as connection:
        assert len(connection.execute(schema.callback_request.select()).all()) == 1


def test_another_writer_in_the_way_is_no_outage_until_it_stays_there(
    hosted, loop, scheduler, begin, clock, failing_commits
):
    child = begin()
    failing_commits.append(_Deadlock("deadlock detected"))
    child.send(SUCCESS)
    for _ in range(MOST_PASSING):
        loop.turn()
        clock.advance(LONGEST_RETRY_S)
    assert troubles(scheduler) == []
    loop.turn()
    (reason,) = troubles(scheduler)
    assert reason.endswith(": deadlock detected")

    failing_commits.clear()
    clock.advance(LONGEST_RETRY_S)
    loop.turn()
    assert hosted.row("t").state == "success"


def test_a_host_that_nobody_needs_gives_up_on_a_database_in_the_end(
    loop, scheduler, begin, clock, failing_commits, caplog
):
    child = begin()
    scheduler.close()
    failing_commits.append("gone for good")
    child.send(SUCCESS)
    loop.turn()

    clock.advance(GIVE_UP_S - LONGEST_RETRY_S)
    loop.turn()
    assert not loop.is_over

    clock.advance(LONGEST_RETRY_S * 2)
    loop.turn()
    assert loop.is_over
    assert "the task host gives up: 1 outcomes are not recorded" in caplog.text


def test_a_host_with_a_scheduler_does_not_give_up(loop, scheduler, begin, clock, failing_commits):
    child = begin()
    failing_commits.append("gone for long")
    child.send(SUCCESS)
    loop.turn()
    clock.advance(GIVE_UP_S * 2)
    loop.turn()

    assert not loop.is_over
