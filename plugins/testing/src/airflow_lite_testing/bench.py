"""Where attempts of the kit run: a home, a store with their rows, and a stand-in on PATH.

Every attempt is real in both ways in which an executor may run it. As a command it meets the
stand-in for `airflow-lite`, first on PATH; through a task host it is a queued row of the store and
a task of a DAG file. Both do the same (`stand_in.act`) and note it in one folder, so that one case
serves all executors.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.api.executor.task_instance import TaskInstance
from airflow_lite.keys import RunCommand, new_attempt_token
from airflow_lite_testing import stand_in
from airflow_lite_testing.rows import DAG_ID, TASK_ID, TASKS_PER_RUN, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: In the environment of everything the kit runs; must never be seen in argv or a log.
SECRET = "kit-secret-5f1c9e"  # noqa: S105 - made to be looked for
#: Below the DAG folder; a shell would make of it what no executor may.
HOSTILE_FOLDER = 'it\'s $(touch pwned) & "co"; *'

_DAG_FILE = """\
from datetime import datetime

from airflow_lite import DAG, AirflowFailException, PythonOperator
from airflow_lite_testing.stand_in import act


def attempt(ti):
    key = [ti.dag_id, ti.task_id, ti.run_id]
    code = act({folder!r}, ti.attempt, by="task", words=key)
    if code:
        raise AirflowFailException(f"asked to end with {{code}}")


with DAG({dag_id!r}, start_date=datetime(2024, 1, 1), schedule=None, catchup=False):
    for number in range({tasks}):
        PythonOperator(task_id={task_id!r}.format(number), python_callable=attempt)
"""


@dataclass(frozen=True)
class Attempt:
    """One attempt that can be queued: its task instance and its command."""

    ti: TaskInstance
    command: list[str]

    def __str__(self) -> str:
        return f"{self.ti.run_id}/{self.ti.task_id}"


class Start(NamedTuple):
    """The user code of an attempt began: `by` is "command" or "task"; `at` is CLOCK_MONOTONIC."""

    by: str
    pid: int
    ppid: int
    words: list[str]
    at: float


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what the author's shell says to airflow-lite itself.

    Variables of other sections are kept: they may say where the executor's engine is.
    """
    from airflow_lite.config import ENV_PREFIX, Config

    sections = {option.section.upper() for option in Config(Path()).options()}

    def is_kept(name: str) -> bool:
        section = name.removeprefix(ENV_PREFIX).partition("__")[0]
        return not name.startswith("AIRFLOW_LITE_") or (
            name.startswith(ENV_PREFIX) and section not in sections
        )

    return {name: value for name, value in environ.items() if is_kept(name)}


class Bench:
    """One folder with a home, a store, a DAG file and a stand-in; `enter` it to use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.notes = folder / "notes"
        self.dag_file = self.home / "dags" / HOSTILE_FOLDER / "conformance_kit.py"
        self.cwd = folder / "cwd"
        self._rows: Rows | None = None
        self._folders = 0

    def make(self) -> None:
        """Make the folders, the DAG file and the stand-in."""
        for kind in ("plans", "starts", "ends", "gates"):
            (self.notes / kind).mkdir(parents=True)
        self.cwd.mkdir()
        self.dag_file.parent.mkdir(parents=True)
        self.dag_file.write_text(
            _DAG_FILE.format(
                folder=str(self.notes), dag_id=DAG_ID, task_id=TASK_ID, tasks=TASKS_PER_RUN
            ),
            encoding="utf-8",
        )
        self._make_stand_in()

    def _make_stand_in(self) -> None:
        program = self.folder / "bin" / "airflow-lite"
        program.parent.mkdir()
        words = [sys.executable, "-I", "-S", "-X", "utf8", stand_in.__file__, str(self.notes)]
        program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
        program.chmod(0o755)

    def environ(self) -> dict[str, str]:
        """Return the variables that everything of this bench must see."""
        return {
            "AIRFLOW_LITE_HOME": str(self.home),
            "AIRFLOW_LITE__SCHEDULER__SHUTDOWN_GRACE_S": "2",
            "AIRFLOW_LITE__CORE__DONOT_PICKLE": "False",
            "AIRFLOW_LITE_KIT_SECRET": SECRET,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONUTF8": "1",
        }

    def new_folder(self) -> Path:
        """Make an empty folder that goes with the bench."""
        self._folders += 1
        folder = self.folder / f"more-{self._folders}"
        folder.mkdir()
        return folder

    @contextmanager
    def enter(self, extra: Mapping[str, str] | None = None) -> Iterator[None]:
        """Set the environment and the working folder for the length of the block."""
        before, cwd = dict(os.environ), Path.cwd()
        own = {**without_settings(before), **self.environ(), **(extra or {})}
        os.environ.clear()
        os.environ.update(own)
        os.chdir(self.cwd)
        try:
            yield
        finally:
            os.chdir(cwd)
            os.environ.clear()
            os.environ.update(before)

    def close(self) -> None:
        """Open every gate, close the store and remove the folder."""
        if self._rows is not None:
            self._rows.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def attempt(self, *, exit_code: int = 0, waits: bool = False, **fields: Any) -> Attempt:
        """Make an attempt that ends with `exit_code`, once its gate is open if it `waits`.

        `fields` are those of `TaskInstance`. A code below 0 is a signal that kills it.
        """
        token = new_attempt_token()
        plan = {"exit_code": exit_code, "waits": waits}
        (self.notes / "plans" / token).write_text(json.dumps(plan), encoding="utf-8")
        task_id, run_id = self.rows.queue(token)
        ti = TaskInstance(DAG_ID, task_id, run_id, attempt=token, state="queued", **fields)
        command = RunCommand(ti.key, pool=ti.pool, subdir=str(self.dag_file))
        return Attempt(ti, command.words())

    def pickled_attempt(self) -> Attempt:
        """Make an attempt that is to be run from the DAG's pickle, and fails without it."""
        from dataclasses import replace

        attempt, pickle_id = self.attempt(), self.rows.pickle(self.dag_file)
        plan = {"exit_code": 0, "waits": False, "pickle_id": pickle_id}
        (self.notes / "plans" / attempt.ti.attempt).write_text(json.dumps(plan), encoding="utf-8")
        ti = replace(attempt.ti, pickle_id=pickle_id)
        return Attempt(ti, RunCommand(ti.key, ti.pool, pickle_id=pickle_id).words())

    @contextmanager
    def without_dag_file(self) -> Iterator[None]:
        """Take the DAG file away for the length of the block."""
        hidden = self.folder / "hidden"
        self.dag_file.rename(hidden)
        try:
            yield
        finally:
            hidden.rename(self.dag_file)

    def again(self, attempt: Attempt, *, waits: bool = False) -> Attempt:
        """Return the same task instance under a new token, queued in place of the old."""
        from dataclasses import replace

        token = new_attempt_token()
        plan = {"exit_code": 0, "waits": waits}
        (self.notes / "plans" / token).write_text(json.dumps(plan), encoding="utf-8")
        self.rows.requeue(attempt.ti, token)
        ti = replace(attempt.ti, attempt=token)
        return Attempt(ti, RunCommand(ti.key, ti.pool, str(self.dag_file)).words())

    @property
    def rows(self) -> Rows:
        """The store's side, opened when it is first needed."""
        if self._rows is None:
            self._rows = Rows(self.dag_file, {**os.environ, **self.environ()})
        return self._rows

    def release(self, *attempts: Attempt) -> None:
        """Open the gates of these attempts."""
        for attempt in attempts:
            (self.notes / "gates" / attempt.ti.attempt).touch()

    def release_all(self) -> None:
        """Open every gate, also of attempts that have not started."""
        for plan in (self.notes / "plans").iterdir():
            (self.notes / "gates" / plan.name).touch()

    def starts(self, attempt: Attempt) -> list[Start]:
        """Return each start of this attempt's code, in order."""
        return sorted(
            (Start(**note) for note in self._read("starts", attempt)), key=lambda start: start.at
        )

    def end_times(self, attempt: Attempt) -> list[float]:
        """Return when this attempt's code ended, on CLOCK_MONOTONIC."""
        return [note["at"] for note in self._read("ends", attempt)]

    def recorded(self, attempt: Attempt) -> bool:
        """Return whether the outcome is on record: the command ended with 0, or the row has it."""
        if any(note["exit_code"] == 0 for note in self._read("ends", attempt)):
            starts = self.starts(attempt)
            if starts and all(start.by == "command" for start in starts):
                return True
        return self.rows.state(attempt.ti) not in {"queued", "running", "restarting"}

    def most_at_once(self, attempts: list[Attempt]) -> int:
        """Return how many of these attempts' codes ran at the same time, at most."""
        moments = [(start.at, 1) for attempt in attempts for start in self.starts(attempt)]
        moments += [(at, -1) for attempt in attempts for at in self.end_times(attempt)]
        count = most = 0
        for _, step in sorted(moments):
            count += step
            most = max(most, count)
        return most

    def pids(self) -> set[int]:
        """Return the process ids of every start that did not note its end."""
        running: set[int] = set()
        for path in (self.notes / "starts").iterdir():
            token, pid, _ = path.name.rsplit(".", 2)
            if path.name[0] != "." and not any((self.notes / "ends").glob(f"{token}.{pid}.*")):
                running.add(int(pid))
        return running

    def _read(self, kind: str, attempt: Attempt) -> list[dict[str, Any]]:
        paths = (self.notes / kind).glob(f"{attempt.ti.attempt}.*")
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(paths)]
