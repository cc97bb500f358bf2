"""What several schedulers bring through on one PostgreSQL, beside as many copies on databases of their own.

    scripts/bench several_schedulers --database postgresql [--schedulers 2] [--dags 8] [--tasks 500]

Each scheduler is a process with a whole loop and the bulk stub, which runs no code. In each turn as
many tasks are brought through in three ways: by one scheduler; by several, which share the DAGs of
one database; by as many, each on a database of its own with its part of the DAGs, which is the most
that this machine has for several. Counted from the first `queued` to the last `success` in
`task_event`; all runs are made when the schedulers have their shares and wait. The processor's time
is that of the schedulers and of their connections' processes at the server, if that is on this
machine. A task that is not queued, run and successful exactly once voids the benchmark.
"""

from __future__ import annotations

import argparse
import os
import platform
import select
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from airflow_lite.clock import SystemClock
from airflow_lite.config import Config
from airflow_lite.scheduler.loop.assembly import make_loop
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import schema
from airflow_lite.store.engine import open_store
from benchmarks import databases
from benchmarks.scheduler_overhead import InlineStub
from fixtures.store_rows import add_dag, add_run

TICK_S, DEADLINE_S = 0.05, 120.0
PARALLELISM = 1_024


class Taken(NamedTuple):
    wall_s: float
    scheduler_cpu_s: float
    server_cpu_s: float


class Database:
    """A store with DAGs that nothing runs of yet."""

    def __init__(self, folder: Path, settings: dict[str, str], dags: int, tasks: int) -> None:
        self.environ = {
            **settings,
            "AIRFLOW_LITE_HOME": str(folder),
            "AIRFLOW_LITE__CORE__PARALLELISM": str(PARALLELISM),
            "AIRFLOW_LITE__CORE__DEFAULT_POOL_TASK_SLOT_COUNT": str(4 * PARALLELISM),
        }
        self.store = open_store(Config.load(self.environ))
        self.tasks = dags * tasks
        self._dags = []
        names = [f"t{number}" for number in range(tasks)]
        with self.store.begin() as connection:
            for number in range(dags):
                spec = DagSpec(
                    f"d{number}", {name: TaskSpec(name) for name in names}, max_active_tasks=tasks
                )
                self._dags.append((spec, add_dag(connection, spec)))

    def owners(self) -> list[int]:
        """Return how many DAGs each scheduler owns."""
        query = sa.select(sa.func.count()).where(schema.dag.c.owner_job_id.is_not(None))
        with self.store.read() as connection:
            return list(connection.execute(query.group_by(schema.dag.c.owner_job_id)).scalars())

    def trigger(self) -> None:
        now_us = SystemClock().now_us()
        with self.store.begin() as connection:
            for spec, version in self._dags:
                add_run(connection, spec, version, at_us=now_us)

    def span_us(self) -> tuple[int, int]:
        """Return when the first task was queued and the last one ended, all of them once."""
        events = schema.task_event.c
        query = sa.select(
            events.to_state, sa.func.count(), sa.func.min(events.at_us), sa.func.max(events.at_us)
        ).group_by(events.to_state)
        with self.store.read() as connection:
            found = {state: rest for state, *rest in connection.execute(query)}
        if {state: rest[0] for state, rest in found.items()} != dict.fromkeys(
            ("queued", "running", "success"), self.tasks
        ):
            sys.exit(f"{self.tasks} tasks did not succeed once each: {found}")
        return found["queued"][1], found["success"][2]

    def server_cpu_s(self) -> float:
        """Return what the server's processes of all other connections have used."""
        query = (
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with self.store.read() as connection:
            return sum(map(_cpu_s, connection.exec_driver_sql(query).scalars()))


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Scheduler:
    """A scheduler in a process of its own."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.several_schedulers", "--be-one"],
            env={**os.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")

    def cpu_s(self) -> float:
        """Wait until its work is done; return what processor time that took."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], DEADLINE_S)[0]:
            sys.exit(f"A scheduler is not done after {DEADLINE_S:g} s")
        return float(self._process.stdout.readline())

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(DEADLINE_S)


def be_scheduler() -> None:
    """Schedule until standard input ends; once told to go, print what the work then took."""
    config, executor = Config.load(), InlineStub(PARALLELISM)
    store = open_store(config)
    executor.configure(config)
    executor.store = store
    loop = make_loop(
        config, store, executor, clock=SystemClock(), with_files=False, with_bell=False
    )
    loop.start()
    began: float | None = None
    while True:
        if select.select([sys.stdin], [], [], 0)[0]:
            if not sys.stdin.readline():
                break
            began = time.process_time()
            loop.context.timers.after("refresh", 0.0)
        loop.step()
        if began is not None and executor.executed and not list(loop.context.memory.running):
            print(time.process_time() - began, flush=True)
            began = None
        loop.context.waker.wait(min(loop.wait_s(), TICK_S))
    loop.stopping.ask()
    loop.close(state="success")
    store.close()


def wait_until_shared(database: Database, count: int, dags: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while sorted(database.owners()) != [dags // count] * count:
        if time.monotonic() > deadline:
            sys.exit(f"{count} schedulers do not share {dags} DAGs: {database.owners()}")
        time.sleep(TICK_S)


def one_turn(args: argparse.Namespace, copies: int, schedulers: int) -> Taken:
    """Bring all tasks through, on so many databases with so many schedulers each."""
    dags = args.dags // copies
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stores: list[Database] = []
        processes: list[Scheduler] = []
        for copy in range(copies):
            settings = stack.enter_context(databases.new_database("postgresql"))
            database = Database(Path(folder) / str(copy), settings, dags, args.tasks)
            stack.callback(database.store.close)
            stores.append(database)
            for _ in range(schedulers):
                processes.append(Scheduler(database.environ))
                stack.callback(processes[-1].end)
        for database in stores:
            wait_until_shared(database, schedulers, dags)
            database.trigger()
        before_s = sum(database.server_cpu_s() for database in stores)
        for process in processes:
            process.go()
        scheduler_cpu_s = sum(process.cpu_s() for process in processes)
        server_cpu_s = sum(database.server_cpu_s() for database in stores) - before_s
        starts, ends = zip(*(database.span_us() for database in stores), strict=True)
        return Taken((max(ends) - min(starts)) / 1e6, scheduler_cpu_s, server_cpu_s)


def report(name: str, tasks: int, taken: list[Taken]) -> None:
    walls = [one.wall_s for one in taken]
    scheduler, server = (
        statistics.median(getattr(one, part) for one in taken) / tasks * 1e3
        for part in ("scheduler_cpu_s", "server_cpu_s")
    )
    print(
        f"{name:22} {tasks / min(walls):6.0f} tasks/s best,"
        f" {tasks / statistics.median(walls):6.0f} median; ms of processor a task:"
        f" {scheduler:.3f} scheduler, {server:.3f} server"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--be-one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--schedulers", type=int, default=2)
    parser.add_argument("--dags", type=int, default=8)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--ways", nargs="+", default=["one", "shared", "apart"])
    databases.add_option(parser, "postgresql")
    args = parser.parse_args()
    if args.be_one:
        be_scheduler()
        return
    if args.dags % args.schedulers:
        sys.exit("Each scheduler must get as many DAGs as the others")
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores,"
          f" load {os.getloadavg()[0]:.2f}, {args.dags} DAGs of {args.tasks} tasks,"
          f" {args.runs} runs{databases.describe(args.database)}", flush=True)  # fmt: skip
    ways = {"one": (1, 1), "shared": (1, args.schedulers), "apart": (args.schedulers, 1)}
    taken: dict[str, list[Taken]] = {way: [] for way in args.ways}
    for _ in range(args.runs):
        for way, found in taken.items():
            found.append(one_turn(args, *ways[way]))
    tasks = args.dags * args.tasks
    names = {
        "one": "one scheduler",
        "shared": f"{args.schedulers} on one database",
        "apart": f"{args.schedulers} on {args.schedulers} databases",
    }
    for way, found in taken.items():
        report(names[way], tasks, found)
    compare(taken)


def compare(taken: dict[str, list[Taken]]) -> None:
    """Say the two figures that the way the work is shared is judged by."""
    if len(taken) < 3:
        return
    cpu = {
        way: statistics.median(one.scheduler_cpu_s + one.server_cpu_s for one in found)
        for way, found in taken.items()
    }
    wall = {way: statistics.median(one.wall_s for one in found) for way, found in taken.items()}
    print(
        f"processor's time a task, several to one: {cpu['shared'] / cpu['one']:.2f};"
        f" tasks a second, one database to several: {wall['apart'] / wall['shared']:.2f}"
    )


if __name__ == "__main__":
    main()
