"""What the processes of a task tell its host: each is heard whole, and harms no other attempt."""

from __future__ import annotations

import pytest

from fixtures.hosted import TASK_DECORATOR

DAG = f"""
import multiprocessing, os, sys, threading, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator
{TASK_DECORATOR}
FORKING = multiprocessing.get_context("fork")

def sockets():
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2 and os.readlink(f"/proc/self/fd/{{name}}").startswith("socket:"):
                yield int(name)
        except OSError:
            pass

def push_and_pull(ti, number):
    for turn in range(20):
        ti.xcom_push(f"k{{number}}", [number, turn, "x" * 60_000])
        found = ti.xcom_pull(task_ids=ti.task_id, key=f"k{{number}}")
        assert found[:2] == [number, turn], found[:2]

@task()
def forks(ti):
    children = [FORKING.Process(target=push_and_pull, args=(ti, n)) for n in range(4)]
    for child in children:
        child.start()
    push_and_pull(ti, "own")
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    return [len(ti.xcom_pull(task_ids="forks", key=f"k{{n}}")) for n in (0, 1, 2, 3, "own")]

@task()
def forks_while_threads_push(ti):
    threads = [threading.Thread(target=push_and_pull, args=(ti, f"t{{n}}")) for n in range(3)]
    for thread in threads:
        thread.start()
    for n in range(10):
        child = FORKING.Process(target=push_and_pull, args=(ti, n))
        child.start()
        child.join()
        assert child.exitcode == 0
    for thread in threads:
        thread.join()

def push_in_grandchild(ti):
    child = FORKING.Process(target=ti.xcom_push, args=("grand", 1))
    child.start()
    child.join()

@task()
def forks_twice(ti):
    child = FORKING.Process(target=push_in_grandchild, args=(ti,))
    child.start()
    child.join()
    return ti.xcom_pull(task_ids="forks_twice", key="grand")

@task()
def waits():
    note("waits", "started")
    while not os.path.exists(os.path.join(HOME, "go")):
        time.sleep(0.02)

@task()
def endless():
    for fd in list(sockets()):
        for _ in range(300):
            os.write(fd, b"a" * (1 << 20))

@task()
def torn():
    for fd in list(sockets()):
        os.write(fd, b'["PushXCom","k"' + b'["PushXCom","k","1"]' + bytes([10]))
    time.sleep(1000)
"""


@pytest.fixture
def hosted(make_hosted):
    hosted = make_hosted(DAG)
    hosted.start()
    return hosted


def test_forked_processes_push_and_pull_as_the_task_does(hosted):
    assert hosted.finish("forks").state == "success", hosted.log("forks")
    assert hosted.xcoms("forks")["return_value"] == [3] * 5


def test_a_process_that_is_forked_while_threads_push_is_answered(hosted):
    row = hosted.finish("forks_while_threads_push")
    assert row.state == "success", hosted.log("forks_while_threads_push")


def test_a_process_of_a_forked_process_is_heard(hosted):
    assert hosted.finish("forks_twice").state == "success"
    assert hosted.xcoms("forks_twice") == {"grand": 1, "return_value": 1}


@pytest.mark.parametrize("bad", ["endless", "torn"])
def test_a_line_that_makes_no_sense_ends_its_attempt_and_no_other(hosted, bad, wait_until):
    before = hosted.host.pid
    other = hosted.give("waits")
    wait_until(lambda: hosted.lines("waits"), "the other task")
    token = hosted.give(bad)
    hosted.wait(token)
    (hosted.home.folder / "go").touch()
    hosted.wait(other)

    assert hosted.row("waits").state == "success"
    assert hosted.row(bad).state in {"failed", "up_for_retry"}
    assert "wrote to the socket on which its process reports" in hosted.attempt(token).cause
    assert hosted.host.pid == before
