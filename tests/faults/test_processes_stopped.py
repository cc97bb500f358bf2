"""Processes beneath an executor that are stopped, and so say nothing: what goes on without them."""

from __future__ import annotations

import os
import signal

import pytest

DAG = """
import os, signal, subprocess, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator
HOME = os.environ["AIRFLOW_LITE_HOME"]

def sleep_long(ti):
    with open(os.path.join(HOME, "starts"), "a") as file:
        file.write(f"{ti.task_id} {os.getpid()} {os.getppid()}\\n")
    subprocess.run(["sleep", "1000"])

def stop_parent():
    os.kill(os.getppid(), signal.SIGSTOP)

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="long", python_callable=sleep_long)
    PythonOperator(task_id="quick", python_callable=lambda: None)
    PythonOperator(task_id="stops", python_callable=stop_parent)
"""


@pytest.fixture
def hosted(make_hosted):
    hosted = make_hosted(
        DAG,
        AIRFLOW_LITE__SCHEDULER__BEAT_INTERVAL_S="0.2",
        AIRFLOW_LITE__SCHEDULER__BEAT_TIMEOUT_S="1",
    )
    hosted.start()
    return hosted


def test_a_stopped_host_is_replaced_and_what_it_had_not_claimed_runs(hosted, wait_until):
    running = hosted.give("long")
    wait_until(lambda: hosted.lines("starts"), "the long task to start")
    stopped = hosted.host.pid
    os.kill(stopped, signal.SIGSTOP)
    token = hosted.give("quick")
    hosted.wait(token, running)

    assert (hosted.row("quick").state, hosted.row("quick").attempt) == ("success", token)
    assert hosted.host.pid != stopped
    (dead,) = [one for one in hosted.supervisors() if one.pid == stopped]
    assert dead.end_cause == "hung, and was killed by signal 9 (SIGKILL)"
    assert hosted.row("long").state == "running"  # the scheduler's to end as lost
    assert hosted.row("long").supervisor == dead.id
    _, child, zygote = hosted.lines("starts")[0].split()
    left = {int(child), int(zygote), stopped}
    wait_until(lambda: not left & {*hosted.processes()}, "the end of the stopped host's family")
    assert hosted.session_of(int(child)) == []


def test_a_stopped_base_zygote_is_replaced_and_what_runs_goes_on(hosted, wait_until):
    hosted.give("long")
    wait_until(lambda: hosted.lines("starts"), "the long task to start")
    (base,) = hosted.children_of(hosted.host.pid)
    os.kill(base, signal.SIGSTOP)
    hosted.path.write_text(DAG + "\n# edited: a new file zygote is needed\n")

    assert hosted.finish("quick").state == "success"
    assert hosted.row("long").state == "running"
    wait_until(lambda: base not in hosted.processes(), "the end of the stopped base zygote")


def test_a_stopped_zygote_ends_with_its_host(hosted, wait_until):
    assert hosted.finish("stops").state == "success"
    hosted.host.drain()
    hosted.host.detach()
    wait_until(lambda: not hosted.processes(), "the end of every process")


def test_a_stopped_host_that_is_let_go_of_is_continued_and_ends(hosted, wait_until):
    assert hosted.finish("quick").state == "success"
    os.kill(hosted.host.pid, signal.SIGSTOP)
    hosted.host.drain()
    hosted.host.detach()
    wait_until(lambda: not hosted.processes(), "the end of every process")


def test_a_stopped_host_is_terminated_all_the_same(hosted, wait_until):
    running = hosted.give("long")
    wait_until(lambda: hosted.lines("starts"), "the long task to start")
    os.kill(hosted.host.pid, signal.SIGSTOP)
    hosted.host.terminate()
    hosted.wait(running)
    wait_until(lambda: not hosted.processes(), "the end of every process")
