"""From a command to a child: who is claimed when, and what is done where no child comes of it."""

from __future__ import annotations

import errno
import os
import signal
from types import SimpleNamespace

import pytest

from airflow_lite.keys import RunCommand, TaskInstanceKey, new_attempt_token
from airflow_lite.processes.packing import packed, receive
from airflow_lite.store.queued import Queued, StoredRun
from airflow_lite.worker.host import ending
from airflow_lite.worker.host.attempt import Attempt, Phase
from airflow_lite.worker.host.launcher import Launcher
from airflow_lite.worker.host.monitor import AttemptMonitor
from airflow_lite.worker.host.zygote_pool import ZygotePool
from airflow_lite.worker.messages import (
    TO_ZYGOTE,
    Ask,
    AttemptForked,
    ForkAttempt,
    GetVariable,
    RetryPolicy,
    ZygoteForked,
)

#: A number that no process has.
NOBODY = 2**22 + 1
RUN = StoredRun(7, "d", "r", "manual", "running", 0, 0, 0, 0, 0, None, True, {}, 0)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "f.py"
    path.write_text("")
    return str(path)


@pytest.fixture
def pool(state, base):
    pool = ZygotePool(base.of_host, state.settings, state, lambda *_: None, lambda *_: None)
    yield pool
    pool.close()


@pytest.fixture
def monitor(state, pool):
    return AttemptMonitor(state, pool)


@pytest.fixture
def launcher(state, pool, monitor):
    launcher = Launcher(state, pool, monitor)
    yield launcher
    for attempt in state.attempts.values():
        ending.release(state, attempt)


@pytest.fixture
def accept(state, path):
    """Give the launcher an attempt whose row is looked up already."""

    def accept(file=None, phase=Phase.WAITING):
        token = new_attempt_token()
        file = file or path
        row = Queued(
            3, "queued", token, 1, 1, None, 5, "X", "p", 1, "q", 1, None, None, None, file, RUN
        )
        command = RunCommand(TaskInstanceKey("d", "t", "r", 1, -1, token))
        attempt = Attempt(command, phase, row, file)
        state.attempts[token] = state.waiting[token] = attempt
        return attempt

    return accept


@pytest.fixture
def turn(state):
    """Do what the host's loop would do now."""

    def turn():
        for key, _ in state.selector.select(0):
            key.data()
        state.timers.run_due(state.clock.monotonic())

    return turn


def parse(launcher, base, turn, **verdict):
    """Let the ordered zygotes have imported their files."""
    launcher.ask_zygotes()
    zygotes = base.new_zygotes()
    for zygote in zygotes:
        base.send(ZygoteForked(zygote.order.number, NOBODY))
        zygote.parse(**verdict)
    turn()
    launcher.ask_zygotes()
    return zygotes


def claimed(state):
    return [claim.token for claim in state.batch.claims]


def test_what_is_not_queued_for_this_host_is_let_go_of(launcher, state, accept):
    attempt = accept(phase=Phase.NEW)

    launcher.look_up()

    assert (state.dropped, state.attempts, state.waiting) == ([attempt.token], {}, {})


def test_rows_are_read_many_at_once_and_not_before_there_is_room(
    launcher, state, accept, base, turn
):
    state.most_at_once = 1
    first, second = accept(), accept()
    parse(launcher, base, turn)
    third, fourth = accept(phase=Phase.NEW), accept(phase=Phase.NEW)

    launcher.look_up()
    first.phase = Phase.ENDING  # whose place is the second one's
    launcher.look_up()

    assert not launcher.wants_rows
    assert state.dropped == []
    launcher.ask_zygotes()
    assert claimed(state) == [first.token, second.token]
    second.phase = Phase.ENDING

    assert launcher.wants_rows
    launcher.look_up()

    assert state.dropped == [third.token, fourth.token]  # whose rows are not there


def test_rows_are_read_beside_attempts_whose_file_is_not_parsed(launcher, state, accept):
    state.most_at_once = 1
    accept()
    launcher.ask_zygotes()
    other = accept(phase=Phase.NEW)

    launcher.look_up()

    assert state.dropped == [other.token]


def test_nothing_is_claimed_before_its_file_is_parsed(launcher, state, accept, base, turn):
    attempts = [accept(), accept()]
    launcher.ask_zygotes()
    assert claimed(state) == []

    (zygote,) = base.new_zygotes()  # one for both
    zygote.parse()
    turn()
    launcher.ask_zygotes()

    assert claimed(state) == [attempt.token for attempt in attempts]
    assert {attempt.phase for attempt in attempts} == {Phase.CLAIMING}


def test_no_more_is_claimed_than_may_run_at_once(launcher, state, accept, base, turn):
    state.most_at_once = 2
    first, second, third = (accept() for _ in range(3))
    parse(launcher, base, turn)
    assert claimed(state) == [first.token, second.token]

    first.phase = Phase.ENDING
    launcher.ask_zygotes()

    assert claimed(state)[2:] == [third.token]


def test_a_file_that_starts_threads_is_imported_anew_for_each_attempt(
    launcher, state, accept, base, turn, path
):
    attempts = [accept(), accept()]
    parse(launcher, base, turn, threads=["Thread-1"])
    assert claimed(state) == []

    alone = base.new_zygotes()
    assert [zygote.order.is_alone for zygote in alone] == [True, True]
    alone[1].parse(threads=["Thread-1"])
    turn()
    launcher.ask_zygotes()

    assert claimed(state) == [attempts[1].token]
    (notice,) = attempts[1].notices
    assert notice.startswith(f"{path} starts threads when it is imported (Thread-1);")


def test_a_file_that_leaves_descriptors_open_is_imported_anew_for_each_attempt(
    launcher, state, accept, base, turn, path
):
    attempt = accept()
    parse(launcher, base, turn, descriptors=["/data/counter", "socket"])
    (alone,) = base.new_zygotes()
    alone.parse(descriptors=["/data/counter", "socket"])
    turn()
    launcher.ask_zygotes()

    assert claimed(state) == [attempt.token]
    assert attempt.notices == (
        f"{path} leaves files or sockets open when it is imported (/data/counter, socket);"
        " each attempt imports it anew, which is slower. Open them in tasks.",
    )


def test_an_attempt_whose_file_cannot_be_imported_is_claimed_to_fail(
    launcher, state, accept, base, turn
):
    attempt = accept()
    launcher.ask_zygotes()
    launcher.blame(attempt.zygote, "SyntaxError: no\nmore lines")
    launcher.ask_zygotes()
    assert claimed(state) == [attempt.token]

    launcher.fail_unstarted(attempt)

    (end,) = state.batch.ended
    assert (end.outcome, end.cause) == ("failed", "SyntaxError: no")


def test_an_import_that_takes_too_long_is_given_up(launcher, state, accept, clock, turn, path):
    attempt = accept()
    launcher.ask_zygotes()
    limit_s = state.settings.import_timeout_s

    clock.advance(limit_s - 0.1)
    turn()
    assert attempt.zygote.error is None

    clock.advance(0.2)
    turn()
    assert attempt.zygote.error == (
        f"{path} was not imported within {limit_s:g} s."
        " Move work into tasks, or raise [core] dagbag_import_timeout."
    )


def test_an_import_that_waits_for_the_database_gets_its_time_anew(
    launcher, state, accept, base, clock, turn
):
    attempt = accept()
    launcher.ask_zygotes()
    (zygote,) = base.new_zygotes()
    base.send(ZygoteForked(zygote.order.number, NOBODY))
    limit_s = state.settings.import_timeout_s
    state.questions.add_of_file(attempt.zygote.channel, Ask(1, packed(GetVariable("x"))))
    for _ in range(3):  # nobody answers: the database cannot be used
        clock.advance(limit_s + 0.1)
        turn()
        assert attempt.zygote.error is None

    state.questions.answer()
    clock.advance(limit_s + 0.1)
    turn()
    assert "was not imported within" in attempt.zygote.error


@pytest.mark.parametrize(
    ("codes", "error"),
    [
        ([-signal.SIGKILL], None),
        ([None], None),
        ([-signal.SIGKILL, -signal.SIGKILL], "killed by signal 9 (SIGKILL)"),
        ([-signal.SIGSEGV], "killed by signal 11 (SIGSEGV)"),
        ([7], "ended without reporting its outcome, exit code 7"),
    ],
)
def test_an_import_that_somebody_killed_is_tried_once_more(
    launcher, accept, base, path, codes, error
):
    attempt = accept()
    for code in codes:
        launcher.ask_zygotes()
        launcher.import_crashed(attempt.zygote, code)

    assert (attempt.error is None) is (error is None)
    if error is not None:
        assert attempt.error.startswith(f"{path}: its import {error}")
    assert attempt.is_second_parse is (codes[0] in {None, -signal.SIGKILL})


def test_a_claimed_attempt_is_handed_over_with_its_line_its_output_and_its_log(
    launcher, state, accept, base, turn
):
    attempt = accept()
    (zygote,) = parse(launcher, base, turn)

    launcher.begin(attempt)

    (order,) = receive(zygote.channel, TO_ZYGOTE)
    assert isinstance(order, ForkAttempt)
    assert order.request.token == attempt.token
    _, output, log = zygote.channel.fds
    os.write(output, b"printed\n")
    turn()
    logs = list(state.settings.log_folder.rglob("*.log"))
    assert [path.read_text() for path in logs] == ["printed\n"]
    assert os.path.sameopenfile(log, attempt.log_pipe.log_fd)
    assert attempt.phase is Phase.CLAIMED


def hand_over(launcher, accept, base, turn):
    attempt = accept()
    (zygote,) = parse(launcher, base, turn)
    launcher.begin(attempt)
    return attempt, zygote


def test_an_attempt_that_is_not_forked_fails_after_both_halves_of_its_time(
    launcher, state, accept, base, turn, clock
):
    attempt, _ = hand_over(launcher, accept, base, turn)
    limit_s = state.settings.import_timeout_s

    clock.advance(limit_s / 2)
    turn()
    assert attempt.phase is Phase.CLAIMED

    clock.advance(limit_s / 2)
    turn()
    (end,) = state.batch.ended
    assert end.cause.startswith(f"its process was not forked within {limit_s:g} s")
    assert attempt.zygote.is_retired


def test_a_zygote_that_forks_others_meanwhile_does_not_hang(
    launcher, state, accept, base, turn, clock
):
    attempt, _ = hand_over(launcher, accept, base, turn)
    for _ in range(5):
        clock.advance(state.settings.import_timeout_s / 2)
        attempt.zygote.forks += 1
        turn()

    assert attempt.phase is Phase.CLAIMED


def test_an_attempt_that_was_forked_is_no_longer_waited_for(
    launcher, monitor, state, accept, base, turn, clock
):
    attempt, _ = hand_over(launcher, accept, base, turn)
    monitor.forked(AttemptForked(attempt.token, NOBODY, RetryPolicy()))

    for _ in range(3):
        clock.advance(state.settings.import_timeout_s)
        turn()

    assert attempt.phase is Phase.RUNNING


def test_a_task_that_is_missing_is_looked_for_once_in_the_file_as_it_is_now(
    launcher, state, accept, base, turn, path
):
    attempt, zygote = hand_over(launcher, accept, base, turn)
    launcher.missing(attempt.token, attempt.zygote)
    assert zygote.is_told_to_end
    assert state.batch.ended == []

    (second,) = parse(launcher, base, turn)
    assert [order.request.token for order in second.heard()] == [attempt.token]
    launcher.missing(attempt.token, attempt.zygote)

    (end,) = state.batch.ended
    assert end.cause == f"There is no task 't' of DAG 'd' in {path}."


def test_an_attempt_whose_zygote_dies_before_the_hand_over_is_forked_from_another(
    launcher, state, accept, base, turn, pool
):
    attempt = accept()
    (zygote,) = parse(launcher, base, turn)
    zygote.die()
    turn()
    launcher.begin(attempt)

    (second,) = parse(launcher, base, turn)

    assert [order.request.token for order in second.heard()] == [attempt.token]


def refuse_sockets(patch, number):
    def refuse():
        raise OSError(number, os.strerror(number))

    for module in ("launcher", "zygote_pool"):
        patch.setattr(
            f"airflow_lite.worker.host.{module}.socket", SimpleNamespace(socketpair=refuse)
        )


def test_an_attempt_that_cannot_be_handed_over_fails_with_the_reason(
    launcher, state, accept, base, turn, monkeypatch
):
    attempt = accept()
    parse(launcher, base, turn)

    with monkeypatch.context() as patch:
        refuse_sockets(patch, errno.EPERM)
        launcher.begin(attempt)

    (end,) = state.batch.ended
    assert end.cause == "could not be started: [Errno 1] Operation not permitted"


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE])
def test_an_attempt_that_nothing_is_left_for_is_given_back_and_waits(
    launcher, state, accept, base, turn, monkeypatch, clock, number
):
    attempt = accept()
    (zygote,) = parse(launcher, base, turn)
    state.batch.claims.clear()

    with monkeypatch.context() as patch:
        refuse_sockets(patch, number)
        launcher.begin(attempt)

    (returned,) = state.batch.returned
    assert returned.cause.startswith(f"given back: could not be started: [Errno {number}]")
    assert state.batch.ended == []
    launcher.ask_zygotes()
    assert state.batch.claims == []  # not before its time
    clock.advance(0.5)
    launcher.ask_zygotes()
    assert [claim.token for claim in state.batch.claims] == [attempt.token]
    launcher.begin(attempt)
    assert len(zygote.heard()) == 1


def test_a_log_that_no_descriptor_is_left_for_is_a_reason_to_wait(
    launcher, state, accept, base, turn, monkeypatch
):
    attempt = accept()
    parse(launcher, base, turn)

    def refuse(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("airflow_lite.worker.host.launcher.open_for_writing", refuse)
        launcher.begin(attempt)

    assert len(state.batch.returned) == 1
    assert attempt.line is None


def test_a_zygote_that_no_socket_is_left_for_is_ordered_later(
    launcher, state, accept, base, monkeypatch, clock
):
    attempt = accept()
    with monkeypatch.context() as patch:
        refuse_sockets(patch, errno.EMFILE)
        launcher.ask_zygotes()
    assert attempt.error is None
    launcher.ask_zygotes()
    assert base.new_zygotes() == []
    clock.advance(0.5)
    launcher.ask_zygotes()
    assert len(base.new_zygotes()) == 1


def test_a_zygote_that_no_process_is_left_for_is_ordered_later(
    launcher, state, accept, base, turn, clock
):
    attempt = accept()
    launcher.ask_zygotes()
    zygote = attempt.zygote
    zygote.error, zygote.is_short = "no process could be started for it", True
    launcher.import_crashed(zygote, None)

    assert (attempt.error, attempt.zygote) == (None, None)
    assert attempt.phase is Phase.WAITING


def test_a_log_that_cannot_be_opened_fails_no_attempt(launcher, state, accept, base, turn, caplog):
    state.settings.log_folder.write_text("a file where the folder should be")

    attempt, zygote = hand_over(launcher, accept, base, turn)

    assert len(zygote.heard()) == 1
    assert attempt.log_error is not None
    assert attempt.phase is Phase.CLAIMED
