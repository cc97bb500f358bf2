"""A real task host stops attempts, drains, goes on without its scheduler, and ends by itself."""

from __future__ import annotations

import os

import pytest

from fixtures.hosted import HEAD
from fixtures.waits import DEADLINE_S

SLEEPS = HEAD + (
    "BashOperator(task_id='sleeps', bash_command='sleep 1000 & sleep 1000', dag=dag)\n"
    "@task()\ndef stubborn():\n"
    "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "    note('started', 'x')\n"
    "    time.sleep(1000)\n"
    "@task()\ndef held():\n"
    "    while not os.path.exists(os.path.join(HOME, 'gate')): time.sleep(0.02)\n"
)


@pytest.fixture
def make_sleeping(make_hosted):
    def make(**options):
        hosted = make_hosted(SLEEPS, AIRFLOW_LITE__SCHEDULER__BEAT_INTERVAL_S="0.2", **options)
        hosted.start()
        return hosted

    return make


@pytest.fixture
def sleeping(make_sleeping):
    return make_sleeping()


def _running(hosted, token, wait_until):
    """Wait until the command of an attempt runs; return its row."""
    wait_until(lambda: "Output:" in hosted.log("sleeps"), "the command to be started")
    return wait_until(
        lambda: hosted.attempt(token).pid and hosted.attempt(token), "the attempt's process"
    )


def _no_commands(hosted, wait_until):
    def none():
        commands = {pid: _command(pid) for pid in hosted.processes()}
        return not [pid for pid, words in commands.items() if b"sleep" in words]

    wait_until(none, "the end of every sleep")


def _command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_a_cancelled_attempt_ends_with_all_that_it_started(sleeping, wait_until):
    token = sleeping.give("sleeps")
    attempt = _running(sleeping, token, wait_until)
    assert (attempt.process_group, attempt.process_start is not None) == (attempt.pid, True)
    sleeping.host.cancel(token)
    sleeping.wait(token)

    assert sleeping.row("sleeps").state == "failed"
    assert "Marking task as FAILED (AirflowTaskTerminated: " in sleeping.log("sleeps")
    _no_commands(sleeping, wait_until)


def test_a_task_that_ignores_sigterm_is_killed_after_the_grace(make_sleeping, wait_until):
    sleeping = make_sleeping(AIRFLOW_LITE__CORE__KILLED_TASK_CLEANUP_TIME="0.5")
    token = sleeping.give("stubborn")
    wait_until(lambda: sleeping.lines("started"), "the task to ignore SIGTERM")
    wait_until(lambda: sleeping.attempt(token).pid, "the attempt's process")
    sleeping.host.cancel(token)
    sleeping.wait(token)

    assert sleeping.attempt(token).cause == "revoked; killed by signal 9 (SIGKILL)"


@pytest.mark.parametrize(
    ("edit", "left"), [("restarting", None), ("success", "success"), ("failed", "failed")]
)
def test_a_row_edited_while_it_runs_stops_the_attempt_by_the_next_beat(
    sleeping, wait_until, edit, left
):
    token = sleeping.give("sleeps")
    _running(sleeping, token, wait_until)
    sleeping.mark("sleeps", edit)
    sleeping.wait(token)

    assert sleeping.row("sleeps").state == left
    assert sleeping.attempt(token).ended_us is not None
    assert sleeping.attempt(token).accepted == (left is None)
    log = sleeping.log("sleeps")
    assert f"Leaving task as {edit.upper()}: it was made so while it ran. dag_id=" in log
    assert "Marking task as" not in log
    assert log.count("Sending SIGTERM signal to process group") == 1


def test_a_detached_host_finishes_what_runs_records_it_and_ends(sleeping, wait_until):
    token = sleeping.give("held")
    wait_until(lambda: sleeping.row("held").state == "running", "the task to run")
    sleeping.host.detach()
    (sleeping.home.folder / "gate").touch()
    assert sleeping.host.wait(DEADLINE_S)

    wait_until(lambda: sleeping.row("held").state == "success", "the outcome")
    wait_until(lambda: not sleeping.processes(), "the host's end")
    assert sleeping.attempt(token).accepted
    assert [one.end_cause for one in sleeping.supervisors()] == ["ended"]


def test_an_idle_host_ends_and_the_next_attempt_starts_another(make_hosted, wait_until):
    hosted = make_hosted(HEAD + "@task()\ndef fine(): pass\n")
    hosted.start(idle_s=0.2)
    first = hosted.host.pid
    wait_until(lambda: hosted.host.pid is None, "the idle host's end")
    wait_until(lambda: not hosted.processes(), "the end of its processes")

    row = hosted.finish("fine")
    assert row.state == "success"
    ran = hosted.attempt(row.attempt).supervisor
    assert [one.pid for one in hosted.supervisors() if one.id == ran] != [first]
    assert {one.end_cause for one in hosted.supervisors()} <= {"ended", None}


def test_an_attempt_that_comes_while_an_idle_host_ends_is_run_once(make_hosted):
    hosted = make_hosted(HEAD + "@task()\ndef fine(): note('ran', 'x')\n")
    hosted.start(idle_s=0.001)
    for number in range(1, 7):
        assert hosted.finish("fine", number).state == "success"
    hosted.host.drain()
    assert hosted.host.wait(DEADLINE_S)
    assert (hosted.home.folder / "ran").read_text() == "x\n" * 6


def test_a_draining_host_gives_back_what_it_has_not_claimed(sleeping, wait_until):
    running = sleeping.give("held")
    wait_until(lambda: sleeping.row("held").state == "running", "the task to run")
    sleeping.host.drain()
    late = sleeping.give("sleeps")
    sleeping.wait(late)
    (sleeping.home.folder / "gate").touch()
    sleeping.wait(running)

    assert sleeping.row("sleeps").state == "queued"
    assert sleeping.row("held").state == "success"


def test_beats_are_written_while_something_runs(sleeping, wait_until):
    token = sleeping.give("sleeps")
    wait_until(lambda: [one for one in sleeping.supervisors() if one.beat_count >= 3], "beats")
    sleeping.host.cancel(token, 0.0)
    sleeping.wait(token)


def test_tasks_run_in_the_foreground_exits_by_what_was_recorded(make_hosted, wait_until):
    hosted = make_hosted(HEAD + "@task()\ndef fine(): return os.getpid()\n")
    token = hosted.queue("fine")
    words = hosted.command("fine", token).words()[1:]

    hosted.home.run(*words, exit_code=0)
    hosted.home.run(*words, exit_code=3)
    assert hosted.row("fine").state == "success"
    wait_until(lambda: not hosted.processes(), "the end of every process")
    assert os.getpid() != hosted.xcoms("fine")["return_value"]
