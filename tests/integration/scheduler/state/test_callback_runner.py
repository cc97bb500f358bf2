"""Callbacks in processes of their own: what one is told and records, and what bounds it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import pytest
import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.processes.children import Child
from airflow_lite.scheduler.state.callback_runner import MOST, Callbacks
from airflow_lite.store import schema
from airflow_lite_testing.clock import FakeClock

DAG = """
import os, time
from datetime import datetime
from airflow_lite import DAG, PythonOperator
HOME = os.environ["AIRFLOW_LITE_HOME"]

def note(context):
    words = (
        context["ti"].task_id, context["dag_run"].run_id, context["dag_run"].conf["who"],
        context["reason"], type(context.get("exception")).__name__,
    )
    print("told", flush=True)
    with open(os.path.join(HOME, "called"), "a") as file:
        print(*words, sep=",", file=file)

def hang(context):
    note(context)
    if os.fork() == 0:
        time.sleep(600)
    time.sleep(600)

def fail(context):
    note(context)
    raise ValueError("of the callback")

class Mute(Exception):
    def __str__(self): raise ValueError("mute")

def fail_oddly(context):
    raise ValueError("no\\0 " + os.fsdecode(bytes([255])))

def fail_mutely(context):
    raise Mute

def tell_the_key(context):
    with open(os.path.join(HOME, "called"), "a") as file:
        print(os.environ.get("AIRFLOW_LITE__CORE__PICKLE_SECRET_KEY"), file=file)

def end(context):
    note(context)
    os._exit(3)

with DAG("hosted", start_date=datetime(2024, 1, 1), schedule=None, on_failure_callback=note):
    for name, functions in (
        ("good", note), ("hangs", hang), ("fails", [fail, note]), ("ends", end),
        ("odd", fail_oddly), ("mute", fail_mutely), ("key", tell_the_key),
    ):
        PythonOperator(task_id=name, python_callable=print, on_failure_callback=functions)
"""
TIMEOUT_S = 30.0


class Asked:
    """A store with requests in it."""

    def __init__(self, hosted):
        self.hosted = hosted
        self.clock = FakeClock()
        self.callbacks = Callbacks(hosted.config, hosted.store, self.clock, TIMEOUT_S)

    def ask(self, task_id, kind="task"):
        """Write a request for the callback of a task instance, or of its run."""
        if self.hosted.row(task_id) is None:
            self.hosted.queue(task_id)
        row = self.hosted.row(task_id)
        values = {
            "kind": kind,
            "dag_run_id": row.dag_run_id,
            "task_instance_id": row.id if kind == "task" else None,
            "payload": json.dumps({"callback": "on_failure", "reason": "it was lost"}),
            "created_us": 1,
        }
        with self.hosted.store.begin() as connection:
            inserted = connection.execute(schema.callback_request.insert().values(values))
            return inserted.inserted_primary_key[0]

    def row(self, request_id):
        query = sa.select(schema.callback_request).where(schema.callback_request.c.id == request_id)
        with self.hosted.store.read() as connection:
            return connection.execute(query).one()

    def run(self, request_id):
        """Run one request to its end, as the scheduler does; return its row then."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow_lite.worker.in_process.callback", str(request_id)],
            env={**os.environ, **self.hosted.home.environ},
            timeout=120,
            check=False,
        )
        assert done.returncode == 0
        return self.row(request_id)

    def called(self):
        return self.hosted.lines("called")

    def log(self, name):
        (path,) = self.hosted.home.folder.glob(f"logs/**/{name}")
        return path.read_text()


@pytest.fixture
def asked(make_hosted):
    made = Asked(make_hosted(DAG))
    yield made
    made.callbacks.kill()


def test_a_task_s_callback_is_told_of_its_task_and_why(asked):
    row = asked.run(asked.ask("good"))
    assert asked.called() == ["good,run,you,it was lost,AirflowException"]
    assert row.error is None
    assert row.ended_us >= row.started_us
    assert "told" in asked.log("attempt=1.log")


def test_a_dag_s_callback_is_told_of_the_run_and_logs_beside_its_tasks(asked):
    request = asked.ask("good", kind="dag")
    asked.hosted.mark("good", "failed")
    row = asked.run(request)
    assert row.error is None
    assert asked.called() == ["good,run,you,it was lost,NoneType"]
    assert row.error is None
    assert "told" in asked.log("callbacks.log")


def test_a_dag_s_callback_is_called_though_the_task_that_ended_the_run_is_gone(asked):
    request = asked.ask("vanished", kind="dag")
    asked.hosted.mark("vanished", "failed")
    assert asked.run(request).error is None
    assert asked.called() == ["vanished,run,you,it was lost,NoneType"]


@pytest.mark.parametrize(
    ("task_id", "error"),
    [
        ("odd", "ValueError: no\\x00 \\udcff"),
        ("mute", "Mute: its message cannot be read: ValueError"),
    ],
)
def test_an_error_that_no_database_holds_or_that_cannot_tell_itself_is_recorded(
    asked, task_id, error
):
    assert asked.run(asked.ask(task_id)).error == error


def test_the_key_that_pickles_are_signed_with_is_hidden_from_a_callback(asked, wait_until):
    environ = asked.hosted.home.environ | {"AIRFLOW_LITE__CORE__PICKLE_SECRET_KEY": "k" * 40}
    config = Config.load(environ)
    asked.callbacks = Callbacks(config, asked.hosted.store, asked.clock, TIMEOUT_S)
    asked.callbacks.add([asked.ask("key")])
    wait_until(lambda: asked.callbacks.poll() or asked.called(), "the callback")
    assert asked.called() == ["None"]


def test_a_request_that_was_begun_is_never_begun_again(asked):
    request = asked.ask("good")
    asked.run(request)
    asked.run(request)
    assert len(asked.called()) == 1


def test_a_callback_that_raises_is_recorded_and_the_next_is_called(asked):
    row = asked.run(asked.ask("fails"))
    assert row.error == "ValueError: of the callback"
    assert len(asked.called()) == 2
    assert "ValueError: of the callback" in asked.log("attempt=1.log")


def test_a_file_that_cannot_be_imported_any_more_is_recorded(asked):
    request = asked.ask("good")
    asked.hosted.path.write_text("import nothing_of_that_name")
    assert "nothing_of_that_name" in asked.run(request).error


def test_a_task_that_is_gone_from_its_file_is_recorded(asked):
    request = asked.ask("good")
    asked.hosted.path.write_text(DAG.replace('"good"', '"better"'))
    assert "good" in asked.run(request).error


def test_one_that_takes_too_long_is_killed_with_what_it_started(asked, wait_until, caplog):
    request = asked.ask("hangs")
    asked.callbacks.add([request])
    asked.callbacks.poll()
    wait_until(asked.called, "the callback to begin")
    wait_until(lambda: len(of_callbacks(asked)) == 2, "its child")
    assert asked.callbacks.wait_s() == TIMEOUT_S
    asked.clock.advance(TIMEOUT_S - 1)
    asked.callbacks.poll()
    assert len(of_callbacks(asked)) == 2  # not before its time
    assert asked.callbacks.wait_s() == 1
    asked.clock.advance(1)
    asked.callbacks.poll()
    assert len(asked.callbacks) == 0
    assert asked.row(request).error == "took longer than 30 s and was killed"
    assert asked.callbacks.wait_s() is None
    wait_until(lambda: not of_callbacks(asked), "the end of its processes")
    assert [record.getMessage() for record in caplog.records] == [
        f"callback {request}: took longer than 30 s and was killed"
    ]


def test_the_time_of_one_that_waits_begins_when_it_begins(asked, wait_until):
    requests = [asked.ask("hangs") for _ in range(MOST + 1)]
    asked.callbacks.add(requests)
    asked.callbacks.poll()
    wait_until(lambda: len(asked.called()) == MOST, "as many as may run at once")
    assert asked.row(requests[-1]).started_us is None
    asked.clock.advance(TIMEOUT_S)
    asked.callbacks.poll()
    assert asked.callbacks.wait_s() == TIMEOUT_S
    wait_until(lambda: len(asked.called()) == MOST + 1, "the one that waited")
    assert [asked.row(request).error is None for request in requests] == [False] * MOST + [True]


def test_one_that_is_known_is_not_run_twice(asked, wait_until):
    request = asked.ask("good")
    asked.callbacks.add([request, request])
    asked.callbacks.poll()
    asked.callbacks.add([request])
    wait_until(lambda: ended(asked, request), "the callback's end")
    assert len(asked.called()) == 1


def test_a_process_that_ends_badly_is_recorded(asked, wait_until):
    request = asked.ask("ends")
    asked.callbacks.add([request])
    wait_until(lambda: ended(asked, request), "the callback's end")
    assert asked.row(request).error == "its process ended with exit code 3"


def test_what_is_killed_at_the_end_is_recorded_and_what_waits_is_left(asked, wait_until):
    requests = [asked.ask("hangs") for _ in range(MOST + 1)]
    asked.callbacks.add(requests)
    asked.callbacks.poll()
    wait_until(lambda: len(asked.called()) == MOST, "as many as may run at once")
    asked.callbacks.kill()
    assert len(asked.callbacks) == 0
    errors = [asked.row(request).error for request in requests]
    assert errors == ["its process ended by SIGKILL"] * MOST + [None]
    assert asked.row(requests[-1]).started_us is None


def ended(asked, request):
    asked.callbacks.poll()
    return not len(asked.callbacks) and asked.row(request).ended_us is not None


def of_callbacks(asked):
    """Return the processes that run callbacks of this home."""
    found = []
    for pid in asked.hosted.processes():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"in_process.callback" in file.read():
                    found.append(pid)
        except OSError:
            pass
    return found


def test_a_callback_that_no_process_is_left_for_is_called_later(asked, monkeypatch, caplog):
    request = asked.ask("good")
    asked.callbacks.add([request])

    def refuse(*_, **__):
        raise BlockingIOError(errno.EAGAIN, "no process left")

    with monkeypatch.context() as patch:
        patch.setattr(Child, "start", refuse)
        for _ in range(3):
            asked.callbacks.poll()
        assert (len(asked.callbacks), asked.callbacks.wait_s()) == (1, 1.0)
        asked.clock.advance(1.0)
        asked.callbacks.poll()
        assert asked.callbacks.wait_s() == 2.0
    assert asked.row(request).ended_us is None
    assert [record.getMessage() for record in caplog.records] == [
        "callbacks wait, since none can be started now: [Errno 11] no process left"
    ]

    asked.clock.advance(2.0)
    asked.callbacks.poll()
    assert asked.callbacks.wait_s() == TIMEOUT_S
    asked.callbacks.kill()
