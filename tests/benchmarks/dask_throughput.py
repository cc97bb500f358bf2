"""DaskExecutor's throughput beside that of raw `Client.map` with the same work, on one cluster.

    scripts/bench dask_throughput [--tasks 2000] [--runs 3] [--workers 2]
        [--threads 4] [-o FILE]

The work is a no-op PythonOperator in a process of its own: the child that a task host would have,
forked by a process that parsed the DAG file once, with its own session, log, context, rendering and
report. Raw (`forked_task.py`): one `Client.map` over all tasks; each call has such a child forked by
a helper beside its Dask worker, waits for its end, checks that it reported success, and gives that
to the client; nothing is scheduled, claimed or recorded in a database. Ours: one DAG run of as many
tasks through a running scheduler, its wall time that of the run's row. Both take turns on the same
workers; after one warm-up of each, prints minimum and median of the counted turns, and the ratio of
the medians, both of wall time and of CPU time. Beside each turn stands the CPU time that a task cost
in each kind of process; that of an ended process counts for the one that waited for it. On a machine
that does other things, too, the ratio of CPU times tells more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path

import forked_task  # type: ignore[import-not-found]  # beside this script
import turns  # type: ignore[import-not-found]

from airflow_lite_testing.proxy import free_port

DAG_FILE = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def nothing():
    pass

with DAG("bench", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=100000):
    for number in range({tasks}):
        PythonOperator(task_id=f"t{{number}}", python_callable=nothing)
"""


#: What tells a process by its command line; a zygote is a fork of its task host.
ROLES = (
    ("forked_task.py", "raw helpers"),
    ("worker.host.main", "task hosts"),
    ("multiprocessing.spawn", "Dask workers"),
    ("dask scheduler", "Dask scheduler"),
    ("dask worker", "nannies"),
    ("airflow_lite scheduler", "scheduler"),
)


class Bench:
    """A home, a cluster of our own commands, and a scheduler."""

    def __init__(self, home, args):
        self.home, self.args = home, args
        (home / "dags").mkdir()
        self.dag_file = home / "dags" / "bench.py"
        self.dag_file.write_text(DAG_FILE.format(tasks=args.tasks))
        self.address = f"127.0.0.1:{free_port()}"
        self.environ = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent),
            "AIRFLOW_LITE_HOME": str(home),
            "AIRFLOW_LITE__CORE__EXECUTOR": "DaskExecutor",
            "AIRFLOW_LITE__CORE__PARALLELISM": "0",
            "AIRFLOW_LITE__DASK__CLUSTER_ADDRESS": self.address,
        }

    def words(self, *words):
        return [sys.executable, "-m", "airflow_lite", *words]

    @contextmanager
    def background(self, *words):
        with (self.home / f"{words[0]}-{words[1:2]}.log").open("ab") as log:
            process = subprocess.Popen(self.words(*words), env=self.environ, stdout=log, stderr=log)
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(60)

    def counted(self, name, act):
        """Return what `act` does, and print it beside the CPU time that it took."""
        return turns.counted(name, act, self.args.tasks, lambda: turns.cpu_of(self.home, ROLES))

    def raw_s(self, client):
        """Return the seconds that raw `Client.map` takes."""
        numbers = list(range(self.args.tasks))
        start = time.perf_counter()
        futures = client.map(forked_task.run, numbers, path=str(self.dag_file), pure=False)
        client.gather(futures)
        return time.perf_counter() - start

    def ours_s(self, number):
        """Return the seconds that a run of the DAG takes."""
        done = subprocess.run(
            self.words(
                "dags", "trigger", "bench", "-r", f"b{number}", "--wait", "--timeout", "300"
            ),
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"the run did not succeed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        with closing(sqlite3.connect(self.home / "airflow_lite.db")) as connection:
            (start, end) = connection.execute(
                "SELECT start_us, end_us FROM dag_run WHERE run_id = ?", (f"b{number}",)
            ).fetchone()
        return (end - start) / 1e6


def measure(bench, args):
    from distributed import Client

    raw, ours = [], []
    wide = str(args.threads)
    with (
        bench.background("dask", "scheduler", "--port", bench.address.rpartition(":")[2]),
        bench.background("dask", "worker", "--nworkers", str(args.workers), "--nthreads", wide),
        Client(bench.address, timeout=60) as client,
        bench.background("scheduler"),
    ):
        client.wait_for_workers(args.workers, timeout=60)
        for number in range(args.runs + 1):
            raw.append(bench.counted("raw", lambda: bench.raw_s(client)))
            ours.append(bench.counted("ours", lambda number=number: bench.ours_s(number)))
    return raw[1:], ours[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    print(
        f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.2f}, distributed {version('distributed')}, "
        f"{args.workers} workers with {args.threads} threads"
    )
    with tempfile.TemporaryDirectory() as folder:
        raw, ours = measure(Bench(Path(folder), args), args)
    turns.report("raw Client.map", args.tasks, raw)
    turns.report("DaskExecutor", args.tasks, ours)
    for what, ratio in turns.ratios(raw, ours):
        print(f"ratio of the medians, {what}: {ratio:.2f}")
    if args.output:
        facts = {"at": time.time(), "platform": platform.platform(), "raw": raw, "ours": ours}
        args.output.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
