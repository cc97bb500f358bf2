"""What a pass of the scheduler costs where much has been run before: no more than where little has.

    scripts/bench long_history [--rows 10000 1000000] [--passes 200] [--database postgresql]

For each number of finished task instances: a store with as many rows in `task_instance`, `attempt`
and `task_event`, in runs of 100 tasks of ten DAGs. Timed are passes with nothing to do in which
everything is looked at that a loop looks at by and by: its fallback poll, the watch over active
attempts, the beat, the retention, due schedules. The stores take turns, pass by pass.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from airflow_lite.clock import SystemClock
from airflow_lite.config import Config
from airflow_lite.scheduler.loop.assembly import make_loop
from airflow_lite.scheduler.loop.loop import Loop
from airflow_lite.store.engine import open_store
from airflow_lite_testing.stub_executor import StubExecutor
from benchmarks import databases
from fixtures.long_history import fill

TASKS = 100
TIMERS = ("refresh", "watch", "beat", "retention")


class InlineStub(StubExecutor):
    runs_in_process = True


def make(folder: str, database: str, rows: int, stack: ExitStack) -> Loop:
    """Return a loop on a new store with so many finished rows; `stack` removes that at its end."""
    settings = stack.enter_context(databases.new_database(database))
    home = str(Path(folder) / f"{database}{rows}")
    config = Config.load({**settings, "AIRFLOW_LITE_HOME": home})
    store, clock = open_store(config), SystemClock()
    stack.callback(store.close)
    fill(store, rows, tasks=TASKS, now_us=clock.now_us())
    executor = InlineStub()
    executor.configure(config)
    executor.store = store
    loop = make_loop(config, store, executor, clock=clock, with_files=False, with_bell=False)
    stack.callback(loop.close, state="success")
    stack.callback(loop.stopping.ask)
    loop.start()
    for _ in range(10):
        loop.do_pass()
    return loop


def one_pass(loop: Loop) -> float:
    """Time one pass in which all is due that a loop does by and by."""
    for name in TIMERS:
        loop.context.timers.after(name, 0.0)
    for dag in loop.context.memory.dags:
        loop.context.memory.plan_dag(dag.dag_id)
    begin = time.perf_counter()
    loop.do_pass()
    return time.perf_counter() - begin


def compare(database: str, args: argparse.Namespace) -> None:
    """Time passes on one database, and say how much longer they take where most has been run."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        loops = {rows: make(folder, database, rows, stack) for rows in args.rows}
        taken: dict[int, list[float]] = {rows: [] for rows in loops}
        for _ in range(args.passes):
            for rows, loop in loops.items():
                taken[rows].append(one_pass(loop))
        for rows, found in taken.items():
            low, middle = min(found) * 1e3, statistics.median(found) * 1e3
            print(f"{database:10} {rows:9} finished rows: {low:.2f} ms a pass best,"
                  f" {middle:.2f} median")  # fmt: skip
    first, *_, last = taken.values()
    best, middle = min(last) / min(first), statistics.median(last) / statistics.median(first)
    print(f"{database:10} most to least rows: {best:.2f} best, {middle:.2f} median", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--passes", type=int, default=200)
    databases.add_option(parser)
    args = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores,"
          f" load {os.getloadavg()[0]:.2f}, {args.passes} passes each, in turns"
          f"{databases.describe(args.database)}")  # fmt: skip
    for database in args.database:
        compare(database, args)


if __name__ == "__main__":
    main()
