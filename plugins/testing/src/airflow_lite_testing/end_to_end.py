"""A home of its own with a real scheduler, for the cases that go all the way."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_lite.processes.children import run
from airflow_lite_testing.processes import kill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

DAG_ID = "conformance_end_to_end"
#: How long, in seconds, one command of the command line may take.
COMMAND_S = 120.0
_POLL_S = 0.05
#: A success that is written to a file once per start: TRY_TOKEN per line.
DAG_FILE = """\
import os
import time
from datetime import datetime, timedelta

from airflow_lite import (
    DAG,
    AirflowSkipException,
    BashOperator,
    EmptyOperator,
    PythonOperator,
)

FOLDER = {folder!r}
WIDE = 8


def note(ti):
    with open(os.path.join(FOLDER, "starts", ti.task_id), "a") as file:
        file.write(f"{{ti.try_number}} {{ti.attempt}}\\n")


def first(ti):
    note(ti)
    return {{"answer": 42}}


def flaky(ti):
    note(ti)
    if ti.try_number == 1:
        raise ValueError("the first try fails")


def failing(ti):
    note(ti)
    raise ValueError("this fails")


def skipping(ti):
    note(ti)
    raise AirflowSkipException("this is skipped")


def waiting(ti):
    note(ti)
    until = time.monotonic() + 180
    while not os.path.exists(os.path.join(FOLDER, "gate")) and time.monotonic() < until:
        time.sleep(0.02)


def last(ti):
    note(ti)
    assert ti.xcom_pull(task_ids="first") == {{"answer": 42}}


with DAG(
    {dag_id!r},
    start_date=datetime(2024, 1, 1),
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    default_args={{"retry_delay": timedelta(seconds=0)}},
):
    begin = PythonOperator(task_id="first", python_callable=first)
    wide = [
        BashOperator(
            task_id=f"wide_{{number}}",
            bash_command=f"echo x >> {folder_word}/wide/{{number}}",
        )
        for number in range(WIDE)
    ]
    flaky_task = PythonOperator(task_id="flaky", python_callable=flaky, retries=1)
    failing_task = PythonOperator(task_id="failing", python_callable=failing)
    rescue = EmptyOperator(task_id="rescue", trigger_rule="one_failed")
    skipped = PythonOperator(task_id="skipping", python_callable=skipping)
    never = PythonOperator(task_id="never", python_callable=note)
    wait = PythonOperator(task_id="waiting", python_callable=waiting, retries=3)
    end = PythonOperator(task_id="last", python_callable=last)
    begin >> wide >> wait >> end
    begin >> flaky_task >> end
    begin >> failing_task >> rescue
    begin >> skipped >> never
"""
EXPECTED = {
    "first": "success",
    **{f"wide_{number}": "success" for number in range(8)},
    "flaky": "success",
    "failing": "failed",
    "rescue": "success",
    "skipping": "skipped",
    "never": "skipped",
    "waiting": "success",
    "last": "success",
}


def error_in(text: str) -> str:
    """Return the error in what a command wrote to stderr, where notices stand above it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("airflow-lite: error: ")]
    return (errors or lines or ["no reason given"])[-1][-500:]


class EndToEnd:
    """A home with the DAG above; `scheduler` runs a real one in it."""

    def __init__(
        self, folder: Path, executor: str, extra: Mapping[str, str], deadline_s: float
    ) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        self.deadline_s = deadline_s
        (folder / "home" / "dags").mkdir(parents=True)
        for name in ("starts", "wide"):
            (self.notes / name).mkdir(parents=True)
        text = DAG_FILE.format(
            folder=str(self.notes), folder_word=shlex.quote(str(self.notes)), dag_id=DAG_ID
        )
        (folder / "home" / "dags" / "end_to_end.py").write_text(text, encoding="utf-8")
        self._make_program()
        self.environ = {**self.variables(), "AIRFLOW_LITE__CORE__EXECUTOR": executor, **extra}

    def variables(self) -> dict[str, str]:
        """Return the variables that everything of this home must see."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {
            "AIRFLOW_LITE_HOME": str(self.folder / "home"),
            "AIRFLOW_LITE__SCHEDULER__SHUTDOWN_GRACE_S": "5",
            "PATH": path,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }

    def _make_program(self) -> None:
        """Make the real program, of this interpreter, the first `airflow-lite` on PATH."""
        program = self.folder / "bin" / "airflow-lite"
        program.parent.mkdir()
        words = shlex.join([sys.executable, "-m", "airflow_lite"])
        program.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
        program.chmod(0o755)

    @contextmanager
    def scheduler(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run a scheduler for the length of the block; it is killed if it is there after it."""
        with self._log() as log:
            process = self._start(["scheduler"], log)
            try:
                yield process
            except BaseException as error:
                error.add_note(f"the scheduler's output:\n{self.output()[-4000:]}")
                raise
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()

    def _log(self) -> BinaryIO:
        return (self.folder / "scheduler.log").open("ab")

    def output(self) -> str:
        """Return what schedulers have printed."""
        return (self.folder / "scheduler.log").read_text(errors="replace")

    def _start(self, words: list[str], output: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "airflow_lite", *words],
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=self.folder,
        )

    def run(self, *words: str) -> str:
        """Run a command of the command line and return what it printed; it must exit with 0."""
        command = [sys.executable, "-m", "airflow_lite", *words]
        done = run(command, within_s=COMMAND_S, environ={**os.environ, **self.environ})
        assert not done.end.is_late, f"{shlex.join(words)} took longer than {COMMAND_S:g} s"
        assert done.end.code == 0, f"{shlex.join(words)}: {error_in(done.errors)}"
        return done.output

    def trigger(self) -> None:
        """Trigger the DAG's one run."""
        self.run("dags", "trigger", DAG_ID, "--run-id", "kit")

    def states(self) -> dict[str, str]:
        """Return the state of each task instance of the run."""
        rows = json.loads(self.run("tasks", "states-for-dag-run", DAG_ID, "kit", "-o", "json"))
        return {row["task_id"]: row["state"] for row in rows}

    def run_state(self) -> str:
        """Return the state of the run."""
        rows = json.loads(self.run("dags", "list-runs", "--dag-id", DAG_ID, "-o", "json"))
        return str(rows[0]["state"]) if rows else "none"

    def starts(self, task_id: str) -> list[str]:
        """Return a line, try number and token, for each start of a task's code."""
        path = self.notes / "starts" / task_id
        return path.read_text().splitlines() if path.exists() else []

    def until(
        self, condition: Callable[[], Any], goal: str, scheduler: subprocess.Popen[bytes]
    ) -> None:
        """Wait for `condition`; fail with `goal` after the deadline, or if the scheduler ends."""
        end = time.monotonic() + self.deadline_s
        while not condition():
            assert scheduler.poll() is None, (
                f"the scheduler ended itself: {error_in(self.output())}"
            )
            assert time.monotonic() < end, f"waited {self.deadline_s:g} s for {goal}"
            time.sleep(_POLL_S)

    def until_ended(self, scheduler: subprocess.Popen[bytes]) -> None:
        """Wait for the run to end."""
        ends = {"success", "failed"}
        self.until(lambda: self.run_state() in ends, "the DAG run to end", scheduler)

    def open_gate(self) -> None:
        """Let the task `waiting` end."""
        (self.notes / "gate").touch()

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """Ask a scheduler to stop, and return its exit code."""
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(self.deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"SIGTERM did not stop it in {self.deadline_s:g} s") from None

    def kill_what_is_left(self) -> None:
        """Kill the processes of this home that are still there, by their environment."""
        marker = f"AIRFLOW_LITE_HOME={self.folder / 'home'}".encode()
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    is_ours = marker in file.read().split(b"\0")
            except OSError:
                continue
            if is_ours and int(name) != os.getpid():
                kill(int(name))
