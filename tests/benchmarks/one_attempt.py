"""What `airflow-lite tasks run` of one queued attempt costs, as a pod or a worker calls it.

    scripts/bench one_attempt [--runs 9] [--database sqlite postgresql] [--new-home]

The processor's time of the command and of all that it starts, in ms, until nothing of it is left:
in turns with `sh -c true`, with a Python that does nothing, and with one that imports PostgreSQL's
driver or SQLAlchemy's dialect with it. The task is `BashOperator` `true`. With `--new-home`, each
run finds a home without a cache, as in a new pod. Prints minimum and median; Linux only.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from airflow_lite.clock import SystemClock
from airflow_lite.config import Config
from airflow_lite.store import edits
from airflow_lite.store.engine import open_store
from airflow_lite.store.schema import task_instance
from benchmarks import databases

if TYPE_CHECKING:
    from collections.abc import Iterator

DAG_FILE = """
from datetime import datetime
from airflow_lite import DAG, BashOperator
with DAG("one", start_date=datetime(2024, 1, 1), schedule=None):
    for number in range(%d):
        BashOperator(task_id=f"t{number}", bash_command="true")
"""
_LITE = [sys.executable, "-m", "airflow_lite"]
OTHERS = {
    "sh -c true": ["sh", "-c", "true"],
    "python": [sys.executable, "-c", ""],
    "python, psycopg": [sys.executable, "-c", "import psycopg"],
    "python, SQLAlchemy and psycopg": [
        sys.executable,
        "-c",
        "import psycopg, sqlalchemy.dialects.postgresql.psycopg",
    ],
}
_PR_SET_CHILD_SUBREAPER = 36


def cpu_ms(words: list[str], environ: dict[str, str]) -> float:
    """Run a command to the end of all that it started; return the processor's time it took."""
    before = _spent_ms()
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    with suppress(ChildProcessError):
        while True:  # what outlived its parent is ours now
            os.wait()
    taken_ms = _spent_ms() - before
    if done.returncode:
        sys.exit(f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return taken_ms


def _spent_ms() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (spent.ru_utime + spent.ru_stime) * 1000


class Home:
    """A home whose DAG has as many queued attempts as there are runs."""

    def __init__(self, folder: Path, settings: dict[str, str], runs: int) -> None:
        self.folder = folder
        self.environ = {**os.environ, **settings, "AIRFLOW_LITE_HOME": str(folder)}
        (folder / "dags").mkdir(parents=True)
        (folder / "dags" / "one.py").write_text(DAG_FILE % runs)
        words = [*_LITE, "dags", "trigger", "one", "-r", "bench"]
        subprocess.run(words, env=self.environ, check=True, capture_output=True)
        self._commands = self._queued()

    def _queued(self) -> Iterator[list[str]]:
        now_us = SystemClock().now_us()
        with closing(open_store(Config.load(self.environ))) as store, store.begin() as connection:
            instances = connection.execute(sa.select(task_instance)).mappings().all()
            tokens = {
                row["task_id"]: edits.queue_by_hand(connection, row, pool=None, now_us=now_us)
                for row in instances
            }
        for task_id, token in tokens.items():
            yield ["one", task_id, "bench", "--try-number", "1", "--attempt", str(token)]

    def run_one(self, *, is_new: bool) -> float:
        environ = self.environ
        if is_new:
            home = Path(tempfile.mkdtemp(dir=self.folder))
            shutil.copytree(self.folder / "dags", home / "dags")
            database = environ.get(databases.SETTING, f"sqlite:///{self.folder}/airflow_lite.db")
            environ = {**environ, "AIRFLOW_LITE_HOME": str(home), databases.SETTING: database}
        return cpu_ms([*_LITE, "tasks", "run", *next(self._commands)], environ)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--new-home", action="store_true")
    databases.add_option(parser)
    args = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    print(f"Python {platform.python_version()}{databases.describe(args.database)}", flush=True)
    with ExitStack() as stack:
        homes = {}
        for name in args.database:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            settings = stack.enter_context(databases.new_database(name))
            homes[name] = Home(folder / "home", settings, args.runs + 1)
            homes[name].run_one(is_new=args.new_home)  # byte code is written
        taken: dict[str, list[float]] = {}
        for _ in range(args.runs):
            for name, home in homes.items():
                taken.setdefault(f"tasks run, {name}", []).append(
                    home.run_one(is_new=args.new_home)
                )
            for name, words in OTHERS.items():
                taken.setdefault(name, []).append(cpu_ms(words, dict(os.environ)))
    for name, each in taken.items():
        print(f"{name:32} {min(each):6.0f} ms best, {statistics.median(each):6.0f} median")


if __name__ == "__main__":
    main()
