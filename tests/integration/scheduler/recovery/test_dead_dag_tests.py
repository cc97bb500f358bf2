"""A `dags test` that is stopped or killed leaves a run that says so, and no task behind."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

import pytest

from airflow_lite_testing.processes import is_alive
from fixtures.waits import DEADLINE_S

DAG = """
import os, time
from airflow_lite import DAG, BashOperator, PythonOperator
from datetime import datetime, timedelta

def wait():
    with open("{mark}", "w") as file:
        file.write(str(os.getpid()))
    time.sleep(600)

more = dict(retries=2, retry_delay=timedelta(hours=1))
with DAG("waits", start_date=datetime(2024, 1, 1), schedule=None):
    first = PythonOperator(task_id="first", python_callable=wait, **more)
    first >> BashOperator(task_id="second", bash_command="true")
with DAG("shell", start_date=datetime(2024, 1, 1), schedule=None):
    BashOperator(task_id="first", bash_command="{sleeps}", **more)
with DAG("bare", start_date=datetime(2024, 1, 1), schedule=None):
    BashOperator(task_id="first", bash_command="{sleeps}", env={"PATH": os.environ["PATH"]}, **more)
"""
DATE = "2024-01-02T00:00:00+00:00"
RUN = f"manual__{DATE}__test"
HOW = [[], ["--use-executor"]]


@pytest.fixture
def mark(home, tmp_path):
    """The file that the task writes its pid into when it begins."""
    path = tmp_path / "mark"
    sleeps = (
        f"sleep 600 & echo $! > {home.folder}/sleeps;"
        f" echo $$ > {path}.new && mv {path}.new {path}; wait"
    )
    home.dag("waits", DAG.replace("{mark}", str(path)).replace("{sleeps}", sleeps))
    home.environ["AIRFLOW_LITE__CORE__EXECUTOR"] = "LocalExecutor"
    return path


@pytest.fixture
def begin(home, mark, wait_until):
    """Start a `dags test`, and wait until its task runs; returns the process and the task's pid."""
    started = []

    def start(dag_id, *words):
        with (home.folder / "said").open("w") as file:
            done = home.start("dags", "test", dag_id, DATE, *words, stdout=file, stderr=file)
        started.append(done)
        wait_until(lambda: mark.exists() and mark.read_text().strip(), "the task to begin")
        # Not before its row says so can it be told what became of it.
        wait_until(lambda: states(home, dag_id)["first"] == "running", "the task to be recorded")
        return done, int(mark.read_text())

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(DEADLINE_S)


def states(home, dag_id):
    return home.states(dag_id, RUN)


def runs(home, dag_id):
    """Return the states of the runs as a command shows them: whoever looks fails what is dead."""
    return {row["run_id"]: row["state"] for row in home.json("dags", "list-runs", "-d", dag_id)}


@pytest.mark.parametrize("words", HOW)
@pytest.mark.parametrize(
    ("dag_id", "number"),
    [("waits", signal.SIGINT), ("waits", signal.SIGTERM), ("shell", signal.SIGTERM)],
)
def test_a_signal_ends_the_task_and_fails_the_run(home, begin, wait_until, words, dag_id, number):
    done, pid = begin(dag_id, *words)
    done.send_signal(number)
    assert done.wait(DEADLINE_S) == 128 + number
    last = (home.folder / "said").read_text().splitlines()[-1]
    assert last.endswith(
        f"Run {RUN!r} of DAG {dag_id!r} was stopped by {number.name}, and is failed."
    )
    assert runs(home, dag_id) == {RUN: "failed"}
    assert states(home, dag_id)["first"] == "failed"
    wait_until(lambda: not is_alive(pid), "the task's process to end")


@pytest.mark.parametrize("words", HOW)
def test_three_signals_leave_no_more_than_one_does(home, begin, wait_until, words):
    done, pid = begin("waits", *words)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        done.send_signal(number)
    assert done.wait(DEADLINE_S) > 0  # by itself, whichever of them came first
    assert runs(home, "waits") == {RUN: "failed"}
    assert states(home, "waits")["first"] == "failed"
    assert home.execute("SELECT state FROM job") == [("failed",)]
    wait_until(lambda: not is_alive(pid), "the task's process to end")


@pytest.mark.parametrize("words", HOW)
def test_what_a_killed_one_left_is_failed_by_the_next_who_looks(home, begin, wait_until, words):
    done, pid = begin("waits", *words)
    done.kill()
    done.wait(DEADLINE_S)
    assert runs(home, "waits") == {RUN: "failed"}
    assert states(home, "waits")["first"] == "failed"
    wait_until(lambda: not is_alive(pid), "the task's process to end")


@pytest.mark.parametrize("dag_id", ["shell", "bare"])
def test_what_its_task_has_started_ends_with_a_killed_one(home, begin, wait_until, dag_id):
    done, pid = begin(dag_id)
    sleeps = int((home.folder / "sleeps").read_text())
    done.kill()
    done.wait(DEADLINE_S)
    wait_until(lambda: not is_alive(pid), "the task's shell to end")
    wait_until(lambda: not is_alive(sleeps), "what the shell started to end")


def test_no_guard_is_left_of_one_that_has_ended(begin):
    done, _ = begin("waits")
    [guard] = guards(done.pid)
    done.send_signal(signal.SIGTERM)
    done.wait(DEADLINE_S)
    assert not is_alive(guard)


def guards(pid):
    """Return the guards beside a process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = folder.joinpath("cmdline").read_bytes().split(b"\0")
            if (
                any(word.endswith(b"orphan_guard.py") for word in words)
                and str(pid).encode() in words
            ):
                found.append(int(folder.name))
    return found


@pytest.mark.parametrize("words", [["db", "check"], ["dags", "test", "other"]])
def test_what_a_killed_one_left_is_failed_by_commands_that_show_no_runs(home, begin, words):
    home.dag("other", "from airflow_lite import DAG\nother = DAG('other', schedule=None)\n")
    done, _ = begin("waits")
    done.kill()
    done.wait(DEADLINE_S)
    home.run(*words)
    assert home.execute("SELECT state FROM dag_run WHERE dag_id = 'waits'") == [("failed",)]


def test_a_killed_one_is_replaced_by_the_next_of_its_date(home, begin, mark):
    done, _ = begin("waits")
    done.kill()
    done.wait(DEADLINE_S)
    home.dag("waits", DAG.replace("{mark}", str(mark)).replace("time.sleep(600)", "pass"))
    home.run("dags", "test", "waits", DATE)
    assert runs(home, "waits") == {RUN: "success"}


def test_one_that_runs_is_left_alone_by_all_who_look(home, begin):
    done, _ = begin("waits")
    home.run("db", "check")
    assert runs(home, "waits") == {RUN: "running"}
    assert states(home, "waits") == {"first": "running", "second": None}
    assert done.poll() is None


def test_a_process_that_has_the_pid_of_a_dead_one_is_not_taken_for_it(home, begin):
    import os

    done, _ = begin("waits")
    done.kill()
    done.wait(DEADLINE_S)
    home.execute("UPDATE job SET pid = :pid", pid=os.getpid())
    assert runs(home, "waits") == {RUN: "failed"}
