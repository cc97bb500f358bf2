"""CeleryExecutor's throughput beside LocalExecutor's and that of raw Celery with the same work.

    scripts/bench celery_throughput
        [--broker redis rabbitmq] [--tasks 2000] [--runs 1] [--workers 2] [--slots 4] [-o FILE]

Servers are those that POSTGRES_URL, REDIS_URL and RABBITMQ_URL name, else some of its own.

The work is a no-op PythonOperator in a process of its own, as in `dask_throughput.py`. Three take
turns on one machine, each in a home of its own: raw Celery (`raw_celery.py`: a worker's usual
processes, late acknowledgement, one message ahead, no results; nothing is scheduled, claimed or
recorded in a database), LocalExecutor, and CeleryExecutor, both with a database of their own on
one PostgreSQL. Workers, slots and broker are the same; LocalExecutor has as many slots in all.
Settings of the environment hold, such as AIRFLOW_LITE__CELERY__WORKER_PREFETCH_MULTIPLIER.

After one warm-up of each, prints minimum and median of the counted turns, and how CeleryExecutor
does beside both others, in throughput and in CPU time. Beside each turn stands the CPU time that a
task cost in each kind of process; that of the servers holds whatever else they were asked meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import turns  # type: ignore[import-not-found]  # beside this script
from databases import SETTING, describe, new_database  # type: ignore[import-not-found]

DAG_FILE = """
from datetime import datetime
from airflow_lite import DAG, PythonOperator

def nothing():
    pass

with DAG("bench", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=100000):
    for number in range({tasks}):
        PythonOperator(task_id=f"t{{number}}", python_callable=nothing)
"""
VARIABLES = {"redis": "REDIS_URL", "rabbitmq": "RABBITMQ_URL"}
#: What tells a process by its command line.
ROLES = (
    ("forked_task.py", "raw helpers"),
    ("worker.host.main", "task hosts"),
    ("raw_celery", "raw workers"),
    ("celery worker", "workers"),
    ("airflow_lite scheduler", "scheduler"),
)
LIMIT_S = 600


class Side(ABC):
    """One of those that take turns: a home with the DAG file, and what runs in it."""

    def __init__(self, name, home, args, **environ):
        self.name, self.home, self.args = name, home, args
        (home / "dags").mkdir(parents=True)
        self.dag_file = home / "dags" / "bench.py"
        self.dag_file.write_text(DAG_FILE.format(tasks=args.tasks))
        self.environ = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent),
            "AIRFLOW_LITE_HOME": str(home),
            "AIRFLOW_LITE__CORE__PARALLELISM": "0",
            **environ,
        }
        self.servers = {}
        self.turns = []

    @contextmanager
    def background(self, name, said, *words):
        """Run a program for the block, once it has said something."""
        log = self.home / f"{name}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", *words], env=self.environ, stdout=file, stderr=file
            )
        try:
            while said not in log.read_text():
                if process.poll() is not None:
                    sys.exit(f"{name} ended:\n{log.read_text()[-2000:]}")
                time.sleep(0.05)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def turn(self, number):
        """Take a turn."""
        turn = turns.counted(self.name, lambda: self.act(number), self.args.tasks, self.look)
        self.turns.append(turn)

    @abstractmethod
    def act(self, number):
        """Have all tasks run; return the seconds that it took."""

    def look(self):
        """Return the CPU seconds so far, by role."""
        servers = {name: tree_s(pid) for name, pid in self.servers.items()}
        return {**turns.cpu_of(self.home, ROLES), **servers}


class Ours(Side):
    """One DAG run of all tasks, through a running scheduler."""

    def act(self, number):
        """Return the seconds between the start and the end of a run."""
        words = ("dags", "trigger", "bench", "-r", f"b{number}", "--wait", "--timeout", LIMIT_S)
        done = subprocess.run(
            [sys.executable, "-m", "airflow_lite", *map(str, words)],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"the run did not succeed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        import psycopg

        with psycopg.connect(self.environ[SETTING]) as connection:
            row = connection.execute(
                "SELECT end_us - start_us FROM dag_run WHERE run_id = %s", (f"b{number}",)
            ).fetchone()
        assert row is not None
        return row[0] / 1e6


class Raw(Side):
    """One message for each task, from this process."""

    @property
    def done(self):
        """The file whose length says how many tasks have succeeded."""
        return Path(self.environ["BENCH_DONE"])

    def act(self, number):
        """Return the seconds from the first message to the last task's end."""
        from raw_celery import make_app  # type: ignore[import-not-found]

        run = make_app(self.environ).tasks["run"]
        wanted = self.args.tasks * (number + 1)
        start = time.perf_counter()
        for task in range(self.args.tasks):
            run.delay(task)
        while not self.done.exists() or self.done.stat().st_size < wanted:
            if time.perf_counter() - start > LIMIT_S:
                sys.exit("raw Celery has not run all tasks")
            time.sleep(0.005)
        return time.perf_counter() - start


def tree_s(pid):
    """Return the CPU seconds of a server, of its processes, and of those that have ended."""
    total = 0.0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = turns.stat_of(entry)
        except OSError:
            continue
        if entry.name == str(pid):
            total += sum(turns.seconds_of(fields))
        elif int(fields[1]) == pid:
            total += turns.seconds_of(fields)[0]
    return total


def listener(url):
    """Return the process that listens at the port of an address of this machine, or None."""
    port = f":{urlsplit(url).port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and row[1].endswith(port)}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) in sockets:
                return int(link.parts[2])
        except OSError:
            continue
    return None


def url_of(name):
    """Return what a variable names."""
    return os.environ.get(name) or sys.exit(f"{name} names no server")


@contextmanager
def sides(folder, broker, args):
    """Give those that take turns, with everything running."""
    url, queue = url_of(VARIABLES[broker]), f"bench-{uuid.uuid4().hex[:12]}"
    celery = {
        "AIRFLOW_LITE__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW_LITE__CELERY__BROKER_URL": url,
        "AIRFLOW_LITE__OPERATORS__DEFAULT_QUEUE": queue,
    }
    if broker == "redis":
        celery["AIRFLOW_LITE__CELERY__GLOBAL_KEYPREFIX"] = f"{queue}:"
    local = {
        "AIRFLOW_LITE__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW_LITE__CORE__PARALLELISM": str(args.workers * args.slots),
    }
    raw = {
        "BENCH_BROKER": url,
        "BENCH_QUEUE": f"{queue}-raw",
        "BENCH_DONE": str(folder / "done"),
        "BENCH_DAG_FILE": str(folder / "raw" / "dags" / "bench.py"),
    }
    postgres, server = listener(url_of("POSTGRES_URL")), listener(url)
    with ExitStack() as stack:
        stack.callback(clean, url, queue)
        databases = [stack.enter_context(new_database("postgresql")) for _ in range(2)]
        made = [
            Raw("raw Celery", folder / "raw", args, **raw),
            Ours("LocalExecutor", folder / "local", args, **local, **databases[0]),
            Ours("CeleryExecutor", folder / "celery", args, **celery, **databases[1]),
        ]
        servers = {"broker": server, "PostgreSQL": postgres}
        for side, without in zip(made, ("PostgreSQL", "broker", None), strict=True):
            side.servers = {name: pid for name, pid in servers.items() if pid and name != without}
        start(stack, made, args)
        yield made


def clean(url, queue):
    """Remove the queues of a benchmark."""
    if url.startswith("redis"):
        import redis

        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter(f"{queue}*", count=1000):
                client.delete(key)
        return
    import kombu

    with kombu.Connection(url) as connection:
        for name in (queue, f"{queue}-raw"):
            connection.default_channel.queue_delete(name)


def start(stack, made, args):
    """Start the workers and the schedulers."""
    raw, local, celery = made
    slots = str(args.slots)
    for number in range(args.workers):
        name = f"raw-{number}@bench"
        words = ["celery", "-A", "raw_celery", "worker", "-c", slots, "-l", "INFO", "-n", name]
        stack.enter_context(raw.background(name, "ready", *words))
        name = f"worker-{number}"
        words = ["airflow_lite", "celery", "worker", "-c", slots, "--skip-serve-logs"]
        stack.enter_context(celery.background(name, "takes tasks", *words))
    for side in (local, celery):
        words = ["airflow_lite", "scheduler", "--skip-serve-logs"]
        stack.enter_context(side.background("scheduler", "scheduler started", *words))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--broker", nargs="+", choices=[*VARIABLES], default=[*VARIABLES])
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    print(
        f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.2f}, celery {version('celery')}{describe(['postgresql'])}, "
        f"{args.workers} workers with {args.slots} slots"
    )
    facts = {"at": time.time(), "platform": platform.platform()}
    for broker in args.broker:
        print(f"{broker}:")
        with tempfile.TemporaryDirectory() as folder, sides(Path(folder), broker, args) as made:
            for number in range(args.runs + 1):
                for side in made:
                    side.turn(number)
        facts[broker] = {side.name: side.turns[1:] for side in made}
        tell(made, args)
    if args.output:
        args.output.write_text(json.dumps(facts, indent=1))


def tell(made, args):
    """Print what was measured."""
    for side in made:
        turns.report(side.name, args.tasks, side.turns[1:])
    *others, ours = made
    for other in others:
        for what, ratio in turns.ratios(other.turns[1:], ours.turns[1:]):
            print(f"CeleryExecutor beside {other.name}, {what}: {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
