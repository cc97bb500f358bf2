"""A zygote that hangs: its attempts end, others of its file go on."""

from __future__ import annotations

import pytest

DAG = """
import os, signal, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator
HOME = os.environ["AIRFLOW_LITE_HOME"]

def stick():
    while os.path.exists(os.path.join(HOME, "stuck")):
        time.sleep(0.02)
    if os.path.exists(os.path.join(HOME, "slow")):
        time.sleep(2.2)

os.register_at_fork(before=stick)

def run(ti):
    with open(os.path.join(HOME, "starts"), "a") as file:
        file.write(f"{ti.task_id} {os.getppid()}\\n")
    while not os.path.exists(os.path.join(HOME, "gate")):
        time.sleep(0.02)

def die():
    os.kill(os.getppid(), signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGKILL)

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="dies", python_callable=die)
    for name in ("a", "b", "c", "d", "e", "f"):
        PythonOperator(task_id=name, python_callable=run)
"""
CAUSE = "its process was not forked within 10 s: a library's at-fork handler may hang"


@pytest.fixture
def hosted(make_hosted):
    hosted = make_hosted(DAG, AIRFLOW_LITE__CORE__DAGBAG_IMPORT_TIMEOUT="9")
    hosted.start()
    return hosted


def touch(hosted, name):
    path = hosted.home.folder / name
    path.touch()
    return path


def test_an_attempt_that_is_not_forked_fails_and_the_next_gets_another_zygote(hosted, wait_until):
    stuck, _ = touch(hosted, "stuck"), touch(hosted, "gate")
    tokens = {name: hosted.give(name) for name in ("a", "c")}
    wait_until(lambda: hosted.row("c").state == "running", "the claim")
    hosted.host.cancel(tokens["c"])
    hosted.wait(*tokens.values())
    assert {hosted.row(name).state for name in tokens} == {"failed"}
    assert hosted.row("a").change_cause == CAUSE
    stuck.unlink()
    hosted.wait(hosted.give("b"))
    assert hosted.row("b").state == "success"
    assert [line.split()[0] for line in hosted.lines("starts")] == ["b"]


def test_what_a_stuck_zygote_had_forked_before_ends_by_itself(hosted, wait_until):
    running = [hosted.give(name) for name in ("a", "b")]
    wait_until(lambda: len(hosted.lines("starts")) == 2, "two to start")
    touch(hosted, "stuck")
    # A child may have been forked ahead: no more than one.
    late = [hosted.give(name) for name in ("c", "d")]
    wait_until(
        lambda: "failed" in {hosted.row(name).state for name in ("c", "d")}, "a stuck one to fail"
    )
    assert {hosted.row(name).state for name in ("a", "b")} == {"running"}
    touch(hosted, "gate")
    hosted.wait(*running, *late)
    assert {hosted.row(name).state for name in ("a", "b")} == {"success"}
    zygote = int(hosted.lines("starts")[0].split()[1])
    wait_until(lambda: zygote not in hosted.processes(), "the stuck zygote to be killed")


def test_forks_that_take_long_are_awaited_one_after_the_other(hosted):
    for name in ("slow", "gate"):
        touch(hosted, name)
    tokens = [hosted.give(name) for name in ("a", "b", "c", "d", "e", "f")]
    hosted.wait(*tokens)
    assert {hosted.row(name).state for name in ("a", "b", "c", "d", "e", "f")} == {"success"}


def test_an_end_that_a_stopped_zygote_does_not_tell_of_is_found(hosted, wait_until):
    touch(hosted, "gate")
    hosted.wait(hosted.give("dies"))
    assert hosted.row("dies").state == "failed"
    assert hosted.row("dies").change_cause == "ended; its zygote hangs and did not report how"
    hosted.wait(hosted.give("a"))
    assert hosted.row("a").state == "success"
