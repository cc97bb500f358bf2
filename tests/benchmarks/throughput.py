"""How many tasks a second go through a running scheduler, and what a task of a chain costs.

    scripts/bench [--runs 5] [--wide 200] [--chain 40] [--executor LocalExecutor] [-o FILE]

For each shape and operator: one warm-up run, then `--runs` counted runs of one DAG under one
scheduler. A figure is the run's own wall time (end - start of the DAG run's row), so it holds
scheduling, processes and recording, and neither the trigger command nor parsing. Prints
minimum and median; a run that is not a success voids the whole benchmark.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

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


def command_line(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "airflow_lite", *words],
        env={**os.environ, "AIRFLOW_LITE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def run_seconds(home: Path, dag_id: str, number: int) -> float:
    """Trigger a run, wait for it, and return its wall time."""
    run_id = f"bench_{number}"
    done = command_line(home, "dags", "trigger", dag_id, "-r", run_id, "--wait", "--timeout", "300")
    if done.returncode:
        sys.exit(f"{dag_id} {run_id} did not succeed:\n{done.stdout}{done.stderr}")
    with closing(sqlite3.connect(home / "airflow_lite.db")) as connection:
        (start, end) = connection.execute(
            "SELECT start_us, end_us FROM dag_run WHERE dag_id = ? AND run_id = ?", (dag_id, run_id)
        ).fetchone()
    return (end - start) / 1e6


def measure(home: Path, args: argparse.Namespace) -> list[dict[str, object]]:
    figures = []
    for shape, tasks in (("wide", args.wide), ("chain", args.chain)):
        for operator in ("bash", "python"):
            dag_id = f"{shape}_{operator}"
            run_seconds(home, dag_id, 0)
            seconds = [run_seconds(home, dag_id, n + 1) for n in range(args.runs)]
            figures.append({"dag": dag_id, "tasks": tasks, "seconds": seconds})
            report(shape, dag_id, tasks, seconds)
    return figures


def report(shape: str, dag_id: str, tasks: int, seconds: list[float]) -> None:
    least, middle = min(seconds), statistics.median(seconds)
    if shape == "wide":
        text = f"{tasks / least:7.0f} tasks/s best, {tasks / middle:7.0f} median"
    else:
        text = f"{least / tasks * 1e3:7.2f} ms/task best, {middle / tasks * 1e3:7.2f} median"
    print(f"{dag_id:14} {tasks:5} tasks: {text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--wide", type=int, default=200)
    parser.add_argument("--chain", type=int, default=40)
    parser.add_argument("--executor", default="LocalExecutor")
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores,"
          f" load {os.getloadavg()[0]:.2f}, {args.executor}, {args.runs} runs")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "dags").mkdir()
        (home / "dags" / "bench.py").write_text(DAG_FILE % vars(args))
        with (home / "scheduler.log").open("wb") as log:
            scheduler = subprocess.Popen(
                [sys.executable, "-m", "airflow_lite", "--executor", args.executor, "scheduler"],
                env={**os.environ, "AIRFLOW_LITE_HOME": str(home)},
                stdout=log,
                stderr=log,
            )
            try:
                figures = measure(home, args)
            finally:
                scheduler.send_signal(signal.SIGTERM)
                scheduler.wait(60)
    if args.output:
        facts = {"at": time.time(), "platform": platform.platform(), "figures": figures}
        args.output.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
