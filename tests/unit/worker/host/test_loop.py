"""The loop of a task host: what one turn hears, writes, and tells its scheduler."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from airflow_lite.processes.channel import Channel, encoded
from airflow_lite.processes.packing import packed, receive, send
from airflow_lite.store import schema
from airflow_lite.store.faults import MOST_PASSING
from airflow_lite.worker.host import task_line
from airflow_lite.worker.host.loop import (
    FIRST_RETRY_S,
    GIVE_UP_S,
    LONGEST_RETRY_S,
    UNRECORDED,
    HostLoop,
)
from airflow_lite.worker.host.questions import MOST_UNANSWERED
from airflow_lite.worker.host.write_batch import WriteBatch
from airflow_lite.worker.messages import (
    ANSWERS,
    FROM_HOST,
    Answer,
    Ask,
    AttemptForked,
    AttemptsDropped,
    AttemptsEnded,
    CancelAttempt,
    ChildEnded,
    Drain,
    FinishedTasks,
    ForkFailed,
    Outcome,
    PullXComs,
    PushXCom,
    ReleaseAttempts,
    ReportOutcome,
    RetryPolicy,
    RunAttempts,
    SaveRendered,
    StoreTrouble,
)
from airflow_lite.worker.settings import HostSettings
from airflow_lite.worker.task.line import Line
from fixtures.databases import SETTING
from fixtures.store_rows import refuse_rows

#: A number that no process has.
NOBODY = 2**22 + 1
MOST_XCOM_BYTES = 1000
SUCCESS = ReportOutcome(Outcome("success"), RetryPolicy(), has_more=False)


@pytest.fixture
def hosted(make_hosted, request):
    """A store with a run, in which attempts are queued by hand."""
    options = {"AIRFLOW_LITE__CORE__MAX_XCOM_SIZE": str(MOST_XCOM_BYTES)}
    if getattr(request, "param", None) == "postgresql":
        options[SETTING] = request.getfixturevalue("new_postgres")()
    return make_hosted("", **options)


#: For rules that an error of PostgreSQL could break where SQLite's does not.
on_both = pytest.mark.parametrize("hosted", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def ends():
    """What the host told of, as a list of (token, state)."""
    return []


@pytest.fixture
def loop(hosted, who, base, clock, ends, monkeypatch):
    """A host's loop that never waits: each turn does what there is to do."""
    monkeypatch.setattr(HostLoop, "_wait_s", lambda _: 0)
    settings = HostSettings.read(hosted.config)
    loop = HostLoop(
        settings, hosted.store, who, base.of_host, clock, on_end=lambda *end: ends.append(end)
    )
    loop.start()
    yield loop
    loop.end()


@pytest.fixture
def scheduler(loop):
    """The scheduler's end of its channel to the host."""
    ours, theirs = socket.socketpair()
    loop.serve(theirs)
    channel = Channel(ours)
    yield channel
    channel.close()


class Child:
    """The child's end of an attempt that was handed to a zygote."""

    def __init__(self, zygote):
        self.zygote = zygote
        self.request, self.line = zygote.fork()

    def send(self, message):
        self.write(encoded(packed(message)))

    def write(self, data):
        self.line.sendall(data)

    def end(self, code=0):
        self.zygote.send(ChildEnded(self.request.token, code))


@pytest.fixture
def begin(hosted, base, loop, scheduler):
    """Queue an attempt of a task, and bring it to its child."""
    children: list[Any] = []

    def begin(task_id="t"):
        token = hosted.queue(task_id)
        send(scheduler, RunAttempts([hosted.command(task_id, token).words()]))
        loop.turn()
        zygotes = base.new_zygotes()
        for zygote in zygotes:
            zygote.parse()
        loop.turn()
        children.append(Child(zygotes[0] if zygotes else children[0].zygote))
        return children[-1]

    yield begin
    for child in children:
        child.line.close()


def heard(scheduler):
    return receive(scheduler, FROM_HOST)


def troubles(scheduler):
    return [message.reason for message in heard(scheduler) if isinstance(message, StoreTrouble)]


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


class _Deadlock(Exception):
    sqlstate = "40P01"


@pytest.fixture
def failing_commits(monkeypatch):
    """Let commits fail while the list has something."""
    failures: list[Any] = []
    commit = WriteBatch.commit

    def fail_or_commit(batch, *args, **options):
        if failures:
            cause = failures[0]
            is_error = isinstance(cause, Exception)
            raise OperationalError("INSERT", {}, cause if is_error else Exception("disk I/O error"))
        return commit(batch, *args, **options)

    monkeypatch.setattr(WriteBatch, "commit", fail_or_commit)
    return failures


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


def test_a_question_is_answered_over_the_line_of_who_asked(hosted, loop, begin):
    child = begin()
    child.send(Ask(3, packed(FinishedTasks())))
    loop.turn()

    line = Channel(child.line)
    assert receive(line, ANSWERS) == [Answer(3, [])]


@pytest.mark.parametrize(
    "question", [["NoSuchQuestion"], ["TaskInstances", [1]], [], ["FirstReschedule"], [[]]], ids=str
)
def test_a_question_that_makes_no_sense_is_answered_with_an_error(loop, begin, question):
    child = begin()
    child.send(Ask(3, question))
    loop.turn()

    (answer,) = receive(Channel(child.line), ANSWERS)
    assert answer.number == 3
    assert str(answer.error).startswith("The metadata database cannot be asked that: no message: ")


@on_both
def test_a_question_that_the_database_refuses_keeps_no_other_from_its_answer(
    hosted, loop, scheduler, begin
):
    odd, other = begin("odd"), begin("other")
    odd.send(
        Ask(1, packed(PullXComs("hosted", "run", 2**80, "k", ["t"], include_prior_dates=True)))
    )
    other.send(Ask(2, packed(FinishedTasks())))
    loop.turn()
    loop.turn()

    (refused,) = receive(Channel(odd.line), ANSWERS)
    assert "The metadata database" in str(refused.error)
    assert receive(Channel(other.line), ANSWERS) == [Answer(2, [])]
    assert troubles(scheduler) == []


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
    assert [row[-1] for row in answer.value] == ["7"]

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
