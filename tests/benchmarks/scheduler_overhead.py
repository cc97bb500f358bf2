"""How many tasks a second the scheduler itself brings through, with nothing to run.

    scripts/bench scheduler_overhead [--tasks 5000 10000 20000] [--runs 5] [--database sqlite postgresql]
        [--shape wide grid mapped]

A whole loop on SQLite in a file, or on PostgreSQL, with the stub executor on the same thread, which
claims and records in bulk what it is handed, as a task host does, and runs no code. One DAG run,
counted from the first pass to the run's own end. Sizes and databases take turns, so that a noisy
machine hits all alike; the processor's time of this process, which is not PostgreSQL's, is told
beside the wall's. A run that is not a success voids the benchmark.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import sys
import tempfile
import time
from typing import NamedTuple

import sqlalchemy as sa

from airflow_lite.clock import SystemClock
from airflow_lite.config import Config
from airflow_lite.scheduler.loop.assembly import make_loop
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store import runs, schema
from airflow_lite.store.engine import Store, open_store
from airflow_lite_testing.stub_executor import StubExecutor
from benchmarks import databases


class InlineStub(StubExecutor):
    runs_in_process = True


class Taken(NamedTuple):
    wall_s: float
    cpu_s: float


def wide(tasks: int) -> DagSpec:
    """Make a DAG of tasks that need nothing of each other."""
    names = [f"t{number}" for number in range(tasks)]
    return DagSpec("wide", tasks={n: TaskSpec(n) for n in names}, max_active_tasks=tasks)


def grid(tasks: int, width: int = 100) -> DagSpec:
    """Make a DAG of `width` chains."""
    names = [f"t{number}" for number in range(tasks)]
    specs = {
        name: TaskSpec(
            name,
            upstream=tuple(names[at - width : at - width + 1]) if at >= width else (),
            downstream=tuple(names[at + width : at + width + 1]),
        )
        for at, name in enumerate(names)
    }
    return DagSpec("grid", tasks=specs, max_active_tasks=tasks)


def mapped(tasks: int) -> DagSpec:
    """Make a DAG of a task that is mapped over the result of another, and one after it."""
    over = TaskSpec(
        "over",
        upstream=("first",),
        downstream=("last",),
        expansion=["result", "first"],
        mapped_over=("first",),
    )
    specs = {
        "first": TaskSpec("first", downstream=("over",)),
        "over": over,
        "last": TaskSpec("last", upstream=("over",)),
    }
    return DagSpec("mapped", tasks=specs, max_active_tasks=tasks)


def trigger(store: Store, spec: DagSpec) -> int:
    """Save a DAG as parsing does, and make a run of it."""
    now_us = SystemClock().now_us()
    with store.begin() as connection:
        inserted = connection.execute(
            schema.dag_version.insert().values(
                dag_id=spec.dag_id,
                number=1,
                digest=spec.digest,
                spec=spec.to_json(),
                created_us=now_us,
            )
        )
        assert inserted.inserted_primary_key
        version = inserted.inserted_primary_key[0]
        row = schema.dag.insert().values(dag_id=spec.dag_id, fileloc="x.py", version_id=version)
        connection.execute(row)
        return runs.create_run(
            connection,
            spec,
            version,
            run_id="r",
            run_type="manual",
            logical_us=now_us,
            interval=(now_us, now_us),
            now_us=now_us,
        )


def state(store: Store, run: int) -> str:
    with store.read() as connection:
        query = sa.select(schema.dag_run.c.state).where(schema.dag_run.c.id == run)
        return connection.execute(query).scalar_one()


def one_run(database: str, spec: DagSpec, parallelism: int, pool: int) -> Taken:
    """Bring one run of `spec` through a new scheduler on a new store."""
    with tempfile.TemporaryDirectory() as folder, databases.new_database(database) as settings:
        environ = {
            **settings,
            "AIRFLOW_LITE_HOME": folder,
            "AIRFLOW_LITE__CORE__PARALLELISM": str(parallelism),
            "AIRFLOW_LITE__CORE__DEFAULT_POOL_TASK_SLOT_COUNT": str(pool),
        }
        config = Config.load(environ)
        store = open_store(config)
        run = trigger(store, spec)
        executor = InlineStub(parallelism)
        executor.configure(config)
        executor.store = store
        executor.map_lengths["first"] = spec.max_active_tasks - 2  # that all are as many as asked
        loop = make_loop(
            config, store, executor, clock=SystemClock(), with_files=False, with_bell=False
        )
        loop.start()
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        while not executor.executed or loop.context.memory.find_run(run) is not None:
            loop.do_pass()
        taken = Taken(time.perf_counter() - wall, time.process_time() - cpu)
        if state(store, run) != "success" or len(executor.executed) != spec.max_active_tasks:
            sys.exit(f"{spec.dag_id} of {spec.max_active_tasks} tasks did not succeed once each")
        loop.stopping.ask()
        loop.close(state="success")
        store.close()
        return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[5_000, 10_000, 20_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--parallelism", type=int, default=1_024)
    parser.add_argument("--pool", type=int, help="slots of the default pool; else as parallelism")
    parser.add_argument("--shape", choices=("wide", "grid", "mapped"), default="wide")
    databases.add_option(parser)
    args = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores,"
          f" load {os.getloadavg()[0]:.2f}, {args.shape}, parallelism {args.parallelism},"
          f" {args.runs} runs after one to warm up{databases.describe(args.database)}")  # fmt: skip
    pool = args.pool or args.parallelism
    make = {"wide": wide, "grid": grid, "mapped": mapped}[args.shape]
    for database in args.database:
        one_run(database, make(min(args.tasks)), args.parallelism, pool)
    taken: dict[tuple[str, int], list[Taken]] = {
        (database, tasks): [] for tasks in args.tasks for database in args.database
    }
    for _ in range(args.runs):
        for (database, tasks), found in taken.items():
            found.append(one_run(database, make(tasks), args.parallelism, pool))
    for (database, tasks), found in taken.items():
        walls = [one.wall_s for one in found]
        cpu_ms = statistics.median(one.cpu_s for one in found) / tasks * 1e3
        print(
            f"{database:10} {tasks:6} tasks: {tasks / min(walls):6.0f} tasks/s best,"
            f" {tasks / statistics.median(walls):6.0f} median, {cpu_ms:.3f} ms of processor a task"
        )


if __name__ == "__main__":
    main()
