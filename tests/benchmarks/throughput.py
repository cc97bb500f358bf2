"""How many tasks a second go through a running scheduler, and what a task of a chain costs.

    scripts/bench [--runs 5] [--wide 200] [--chain 40] [--executor LocalExecutor] [-o FILE]
                  [--database sqlite postgresql]

For each shape and operator: one warm-up run, then `--runs` counted runs of one DAG under one
scheduler; of several databases, each with a scheduler of its own, in turns. A figure is the run's
own wall time (end - start of the DAG run's row), so it holds scheduling, processes and recording,
and neither the trigger command nor parsing. Prints minimum and median; a run that is not a success
voids the whole benchmark.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from airflow_lite.config import Config
from airflow_lite.store.engine import open_store
from airflow_lite.store.schema import dag_run
from benchmarks import databases

if TYPE_CHECKING:
    from collections.abc import Iterator

DAG_FILE = """
from datetime import datetime
from airflow_lite import DAG, BashOperator, PythonOperator

def nothing():
    pass

def bash(name):
    return BashOperator(task_id=name, bash_command="true")

def python(name):
    return PythonOperator(task_id=name, python_callable=nothing)

for make in (bash, python):
    with DAG(f"wide_{make.__name__}", start_date=datetime(2024, 1, 1), schedule=None,
             max_active_tasks=1000):
        for number in range(%(wide)d):
            make(f"t{number}")
    with DAG(f"chain_{make.__name__}", start_date=datetime(2024, 1, 1), schedule=None):
        last = None
        for number in range(%(chain)d):
            this = make(f"t{number}")
            if last:
                last >> this
            last = this
"""


class Home:
    """A home with the benchmark's DAGs, and a scheduler on it for as long as the context lasts."""

    def __init__(self, folder: Path, database: str, settings: dict[str, str]) -> None:
        self.database = database
        self.folder = folder
        self.environ = {**os.environ, **settings, "AIRFLOW_LITE_HOME": str(folder)}

    @contextmanager
    def scheduler(self, args: argparse.Namespace) -> Iterator[None]:
        (self.folder / "dags").mkdir(parents=True)
        (self.folder / "dags" / "bench.py").write_text(DAG_FILE % vars(args))
        with (self.folder / "scheduler.log").open("wb") as log:
            scheduler = subprocess.Popen(
                [sys.executable, "-m", "airflow_lite", "--executor", args.executor, "scheduler"],
                env=self.environ,
                stdout=log,
                stderr=log,
            )
            try:
                yield
            finally:
                scheduler.send_signal(signal.SIGTERM)
                scheduler.wait(60)

    def command_line(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "airflow_lite", *words],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def run_seconds(self, dag_id: str, number: int) -> float:
        """Trigger a run, wait for it, and return its wall time."""
        words = ("dags", "trigger", dag_id, "-r", f"bench_{number}", "--wait", "--timeout", "300")
        done = self.command_line(*words)
        if done.returncode:
            sys.exit(f"{dag_id} {number} did not succeed:\n{done.stdout}{done.stderr}")
        with closing(open_store(Config.load(self.environ))) as store, store.read() as connection:
            query = sa.select(dag_run.c.start_us, dag_run.c.end_us).where(
                dag_run.c.dag_id == dag_id, dag_run.c.run_id == f"bench_{number}"
            )
            start, end = connection.execute(query).one()
        return (end - start) / 1e6


def measure(homes: list[Home], args: argparse.Namespace) -> list[dict[str, object]]:
    figures: list[dict[str, object]] = []
    for shape, tasks in (("wide", args.wide), ("chain", args.chain)):
        for operator in ("bash", "python"):
            dag_id = f"{shape}_{operator}"
            for home in homes:
                home.run_seconds(dag_id, 0)
            seconds: dict[str, list[float]] = {home.database: [] for home in homes}
            for number in range(args.runs):
                for home in homes:
                    seconds[home.database].append(home.run_seconds(dag_id, number + 1))
            for database, taken in seconds.items():
                facts = {"dag": dag_id, "tasks": tasks, "database": database, "seconds": taken}
                figures.append(facts)
                report(shape, f"{dag_id:12} {database:10}", tasks, taken)
            compare(seconds)
    return figures


def report(shape: str, name: str, tasks: int, seconds: list[float]) -> None:
    least, middle = min(seconds), statistics.median(seconds)
    if shape == "wide":
        text = f"{tasks / least:7.0f} tasks/s best, {tasks / middle:7.0f} median"
    else:
        text = f"{least / tasks * 1e3:7.2f} ms/task best, {middle / tasks * 1e3:7.2f} median"
    print(f"{name} {tasks:5} tasks: {text}", flush=True)


def compare(seconds: dict[str, list[float]]) -> None:
    """Say how much longer the last database took than the first."""
    if len(seconds) > 1:
        first, *_, last = seconds.values()
        best, middle = min(last) / min(first), statistics.median(last) / statistics.median(first)
        print(f"{'':12} times as long: {best:.2f} best, {middle:.2f} median", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--wide", type=int, default=200)
    parser.add_argument("--chain", type=int, default=40)
    parser.add_argument("--executor", default="LocalExecutor")
    parser.add_argument("-o", "--output", type=Path)
    databases.add_option(parser)
    args = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores,"
          f" load {os.getloadavg()[0]:.2f}, {args.executor}, {args.runs} runs"
          f"{databases.describe(args.database)}")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        homes = []
        for database in args.database:
            settings = stack.enter_context(databases.new_database(database))
            homes.append(Home(Path(folder) / database, database, settings))
            stack.enter_context(homes[-1].scheduler(args))
        figures = measure(homes, args)
    if args.output:
        facts = {"at": time.time(), "platform": platform.platform(), "figures": figures}
        args.output.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
