"""What `tasks logs` says beside the file: that it waits, and why a try ended without a word."""

from __future__ import annotations

import time
from typing import Any

import pytest

from airflow_lite.cli.main import run
from airflow_lite.config import Config
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import notes, schema
from airflow_lite.store.engine import open_store
from airflow_lite.worker.task_log.paths import open_for_writing
from fixtures.store_rows import add_dag, add_run

SPEC = DagSpec("d", tasks={"t": TaskSpec("t")})
FOLLOW = ["tasks", "logs", "d", "t", "r", "--follow"]
WAITS = "*** Try 1 was not started yet: waiting for it.\n"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A home with DAG d and its running run r, whose task t was not started."""
    monkeypatch.setenv("AIRFLOW_LITE_HOME", str(tmp_path))
    opened = open_store(Config(tmp_path))
    with opened.begin() as connection:
        add_run(connection, SPEC, add_dag(connection, SPEC), at_us=1, state="running")
    yield opened
    opened.close()


def write_log(folder, data):
    with open(open_for_writing(folder / "logs", TaskInstanceKey("d", "t", "r")), "wb") as file:
        file.write(data)


def update(store, table, **values):
    with store.begin() as connection:
        connection.execute(table.update().values(**values))


def test_following_waits_until_the_try_has_begun(store, tmp_path, monkeypatch, capsys):
    def begin_and_end(_seconds):
        if not (tmp_path / "logs").exists():
            write_log(tmp_path, b"said\n")
        update(store, schema.task_instance, try_number=1, state="success")

    monkeypatch.setattr(time, "sleep", begin_and_end)

    assert run(FOLLOW) == 0
    assert capsys.readouterr().out == f"{WAITS}said\n"


@pytest.mark.parametrize("table", [schema.task_instance, schema.dag_run])
def test_following_waits_no_longer_than_the_task_and_its_run(store, monkeypatch, capsys, table):
    monkeypatch.setattr(time, "sleep", lambda _: update(store, table, state="failed"))

    assert run(FOLLOW) == 1
    told = capsys.readouterr()
    assert told.out == WAITS
    assert told.err == "airflow-lite: error: Task 't' was not started yet: it has no log.\n"


def end_attempt(store, **values):
    """Write that try 1 is over, and the row of its attempt."""
    update(store, schema.task_instance, try_number=1, state="failed")
    with store.begin() as connection:
        row = {"token": "0" * 32, "try_number": 1, "queued_us": 1, "ended_us": 3, "accepted": True}
        instance_id = connection.execute(schema.task_instance.select()).first().id
        connection.execute(
            schema.attempt.insert().values(task_instance_id=instance_id, **row, **values)
        )


@pytest.mark.parametrize(
    ("claimed_us", "cause"),
    [
        (2, "lost: its supervisor's process is gone"),
        (None, "refused by the executor: no such queue"),
    ],
)
def test_the_scheduler_is_named_as_what_ended_a_try(store, tmp_path, capsys, claimed_us, cause):
    write_log(tmp_path, b"said\n")
    end_attempt(store, claimed_us=claimed_us, cause=cause)

    assert run(["tasks", "logs", "d", "t", "r"]) == 0
    assert capsys.readouterr().out == f"said\n*** The scheduler ended this try: {cause}.\n"


def test_a_log_that_was_cut_says_so_also_of_a_success(store, tmp_path, capsys):
    write_log(tmp_path, b"sa")
    end_attempt(store, claimed_us=2, cause="its log is cut: No space left on device")

    assert run(["tasks", "logs", "d", "t", "r"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "sa",
        "*** The log of this try is incomplete, lines could not be written: No space left on device.",
    ]


def test_what_the_executor_noted_of_a_try_is_told(store, tmp_path, capsys):
    write_log(tmp_path, b"said\n")
    end_attempt(store, claimed_us=2, cause="killed by signal 9 (SIGKILL)")
    with store.begin() as connection:
        row = {"token": "0" * 32, "text": "pod: the node\nevicted it", "now_us": 3}
        notes.add(connection, [row, {**row, "token": "1" * 32}])

    assert run(["tasks", "logs", "d", "t", "r"]) == 0
    assert capsys.readouterr().out == "said\n*** pod: the node evicted it.\n"


def test_an_end_that_is_in_the_log_is_not_told_again(store, tmp_path, capsys):
    write_log(tmp_path, b"said\n")
    end_attempt(store, claimed_us=2, cause="killed by signal 9 (SIGKILL)")

    assert run(["tasks", "logs", "d", "t", "r"]) == 0
    assert capsys.readouterr().out == "said\n"


# ---------------------------------------------------------------- how long one is followed


REST: dict[str, Any] = {}


def follow(store, tmp_path, monkeypatch, capsys, steps):
    """Follow try 1; before each further look, write a state into the log and the row, or rest."""
    left = list(steps)

    def step(_seconds):
        assert left, "it is followed on and on"
        values = dict(left.pop(0))
        if run_state := values.pop("run", None):
            update(store, schema.dag_run, state=run_state)
        if values:
            write_log(tmp_path, f"{values['state']}\n".encode())
            update(store, schema.task_instance, **values)

    update(store, schema.task_instance, try_number=1, state="running")
    monkeypatch.setattr(time, "sleep", step)
    assert run(FOLLOW) == 0
    return capsys.readouterr().out.splitlines(), left


def test_following_goes_on_over_the_reschedules_of_a_try(store, tmp_path, monkeypatch, capsys):
    states = ["up_for_reschedule", "scheduled", "queued", "running", "restarting", "deferred"]
    steps = [step for state in [*states, "success"] for step in ({"state": state}, REST)]

    assert follow(store, tmp_path, monkeypatch, capsys, steps) == ([*states, "success"], [])


@pytest.mark.parametrize(
    "end",
    [
        {"state": "success"},
        {"state": "failed"},
        {"state": "skipped"},
        {"state": "up_for_retry"},
        {"state": None},
        {"state": "queued", "try_number": 2},
        {"state": "up_for_reschedule", "run": "failed"},
    ],
)
def test_following_ends_with_the_try(store, tmp_path, monkeypatch, capsys, end):
    lines, left = follow(store, tmp_path, monkeypatch, capsys, [end, REST, {"state": "later"}])

    assert (lines, left) == ([str(end["state"])], [{"state": "later"}])


def test_following_opens_the_store_once_and_asks_it_while_the_log_rests(
    store, tmp_path, monkeypatch, capsys
):
    from airflow_lite.store import engine, queued

    opened: list[Any] = []
    asked: list[Any] = []
    looks: list[Any] = []
    monkeypatch.setattr(
        engine,
        "open_store",
        lambda *words, **named: opened.append(words) or open_store(*words, **named),
    )
    real_find = queued.find
    monkeypatch.setattr(
        queued, "find", lambda *words: asked.append(len(looks)) or real_find(*words)
    )

    def look(_seconds):
        looks.append(None)
        if len(looks) <= 5:
            write_log(tmp_path, b"busy\n")
        elif len(looks) == 8:
            update(store, schema.task_instance, state="success")

    update(store, schema.task_instance, try_number=1, state="running")
    monkeypatch.setattr(time, "sleep", look)
    assert run(FOLLOW) == 0
    assert capsys.readouterr().out == "busy\n" * 5
    assert asked == [0, 6, 7, 8]
    assert len(opened) == 2  # one of the command, one of the reader


def test_a_log_that_never_rests_is_followed_no_longer_than_its_try(
    store, tmp_path, monkeypatch, capsys
):
    def look(_seconds):
        write_log(tmp_path, b"left behind\n")
        update(store, schema.task_instance, state="success")

    update(store, schema.task_instance, try_number=1, state="running")
    monkeypatch.setattr(time, "sleep", look)
    assert run(FOLLOW) == 0
    assert 0 < capsys.readouterr().out.count("left behind\n") < 30
