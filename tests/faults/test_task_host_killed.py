"""kill -9 of each process beneath an executor: what is recorded, and what is left."""

from __future__ import annotations

import os
import signal

import pytest

from fixtures.waits import DEADLINE_S

DAG = """
import os, subprocess, time
from datetime import datetime
from airflow_lite import DAG, BashOperator, PythonOperator
HOME = os.environ["AIRFLOW_LITE_HOME"]

def note(text):
    with open(os.path.join(HOME, "starts"), "a") as file:
        file.write(f"{text}\\n")

def sleep_long(ti):
    note(f"{ti.task_id} {ti.try_number} {os.getpid()} {os.getppid()}")
    subprocess.run(["sleep", "1000"])

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None):
    for name in ("one", "two", "three"):
        PythonOperator(task_id=name, python_callable=sleep_long)
    PythonOperator(task_id="quick", python_callable=lambda: note("quick"))
    BashOperator(task_id="bash", bash_command="echo bash >> $AIRFLOW_LITE_HOME/starts; sleep 1000")
"""


@pytest.fixture
def busy(make_hosted, wait_until):
    """Give a host with three attempts that sleep, and their tokens, child and zygote."""
    hosted = make_hosted(DAG, AIRFLOW_LITE__SCHEDULER__BEAT_INTERVAL_S="0.2")
    hosted.start()
    hosted.tokens = {name: hosted.give(name) for name in ("one", "two", "three")}
    started = wait_until(
        lambda: len(hosted.lines("starts")) == 3 and hosted.lines("starts"), "three starts"
    )
    wait_until(lambda: all(hosted.attempt(t).pid for t in hosted.tokens.values()), "their pids")
    hosted.pids = {line.split()[0]: int(line.split()[2]) for line in started}
    hosted.zygote = int(started[0].split()[3])
    hosted.host_pid = hosted.host.pid
    return hosted


def _no_sleep_left(hosted, wait_until, but=()):
    def gone():
        return not [pid for pid in hosted.processes() if _name(pid) == "sleep" and pid not in but]

    wait_until(gone, "the end of the tasks' subprocesses")


def _name(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


def _starts(hosted):
    return sorted(line.split()[0] for line in hosted.lines("starts"))


def test_a_killed_child_fails_its_own_attempt_only(busy, wait_until):
    os.kill(busy.pids["one"], signal.SIGKILL)
    busy.wait(busy.tokens["one"])

    assert busy.row("one").state == "failed"
    assert busy.attempt(busy.tokens["one"]).cause.startswith("killed by signal 9 (SIGKILL)")
    assert busy.attempt(busy.tokens["one"]).exit_code == -9
    assert [busy.row(name).state for name in ("two", "three")] == ["running", "running"]
    assert busy.session_of(busy.pids["one"]) == []
    assert busy.finish("quick").state == "success"


def test_the_group_of_a_killed_bash_task_ends_with_it(busy, wait_until):
    token = busy.give("bash")
    wait_until(lambda: "bash" in _starts(busy), "bash")
    wait_until(lambda: busy.attempt(token).pid, "its pid")
    pid = busy.attempt(token).pid
    os.kill(pid, signal.SIGKILL)
    busy.wait(token)

    wait_until(lambda: not busy.session_of(pid), "bash to be gone")


def test_a_killed_zygote_fails_its_attempts_and_the_next_has_a_new_one(busy, wait_until):
    os.kill(busy.zygote, signal.SIGKILL)
    busy.wait(*busy.tokens.values())

    assert [busy.row(name).state for name in busy.tokens] == ["failed"] * 3
    assert {busy.attempt(token).cause for token in busy.tokens.values()} == {"its zygote died"}
    _no_sleep_left(busy, wait_until)
    assert busy.finish("quick").state == "success"
    assert _starts(busy) == ["one", "quick", "three", "two"]


def test_a_killed_base_zygote_is_replaced_and_what_runs_goes_on(busy, wait_until):
    (base,) = busy.children_of(busy.host_pid)
    os.kill(base, signal.SIGKILL)
    wait_until(lambda: busy.children_of(busy.host_pid) not in ([base], []), "another base")
    busy.path.write_text(DAG + "\n# edited: a new file zygote is needed\n")

    assert busy.finish("quick").state == "success"
    assert [busy.row(name).state for name in busy.tokens] == ["running"] * 3


def test_a_killed_host_takes_its_children_along_and_its_death_is_recorded(busy, wait_until):
    os.kill(busy.host_pid, signal.SIGKILL)
    busy.wait(*busy.tokens.values())

    _no_sleep_left(busy, wait_until)
    dead = next(one for one in busy.supervisors() if one.pid == busy.host_pid)
    assert dead.end_cause.startswith("killed by signal 9 (SIGKILL)")
    assert [busy.row(name).state for name in busy.tokens] == ["running"] * 3  # the loop's to end
    assert {busy.row(name).supervisor for name in busy.tokens} == {dead.id}
    assert busy.host.pid != busy.host_pid
    assert busy.finish("quick").state == "success"
    assert _starts(busy) == ["one", "quick", "three", "two"]


def test_what_a_killed_host_had_not_claimed_runs_under_its_token(make_hosted, wait_until):
    hosted = make_hosted(DAG)
    hosted.start()
    os.kill(hosted.host.pid, signal.SIGKILL)
    token = hosted.give("quick")
    hosted.wait(token)

    assert (hosted.row("quick").state, hosted.row("quick").attempt) == ("success", token)
    assert _starts(hosted) == ["quick"]


def test_a_terminated_host_leaves_no_process(busy, wait_until):
    busy.host.terminate()
    busy.wait(*busy.tokens.values())
    assert busy.host.wait(DEADLINE_S)

    assert [busy.row(name).state for name in busy.tokens] == ["failed"] * 3
    wait_until(lambda: not busy.processes(), "the end of every process")
