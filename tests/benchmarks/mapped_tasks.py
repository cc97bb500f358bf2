"""What a task costs that is mapped over a list, by the length of the list.

    scripts/bench mapped_tasks [--tasks 100 1000 10000] [--shape result chain reducer]
        [--database sqlite postgresql]

A task that does nothing, mapped over the one XCom of a task before it (`result`), a second one
mapped over the results of the first (`chain`), or one task that takes all results of the first as
its argument (`reducer`). Under LocalExecutor, with its usual settings. Prints the run's wall time,
the processor's time a task by role, and the largest resident memory of the scheduler, of its task
host, and of the last task. A run that is not a success voids the benchmark. Linux only.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from airflow_lite.store.schema import dag, dag_run, task_instance, xcom
from benchmarks import databases
from benchmarks.local_home import Home, home_of

DAG_FILE = """
from datetime import datetime
import resource
from airflow_lite import DAG, EmptyOperator, task

def peak_kb(values=()):
    total = sum(values)
    return [total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]

with DAG("mapped", start_date=datetime(2024, 1, 1), schedule=None, max_active_tasks=10**6):

    @task
    def numbers():
        return list(range({tasks}))

    @task
    def over(number):
        return number

    @task
    def last(values=()):
        return peak_kb(values)

    first = over.expand(number=numbers())
    {rest}
"""
RESTS = {
    "result": "first >> last()",
    "chain": "over.override(task_id='again').expand(number=first) >> last()",
    "reducer": "last(first)",
}
PATIENCE_S = 3600.0
_DAGS = sa.select(sa.func.count()).select_from(dag)
_STATE = dag_run.c.state


def peak_mb(pid: int) -> float:
    """Return the most resident memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def host_pid(scheduler_pid: int) -> int:
    """Return the task host of a scheduler."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == scheduler_pid and "worker.host.main" in (entry / "cmdline").read_text():
                return int(entry.name)
        except OSError:
            continue
    sys.exit("the scheduler has no task host")


def measure(shape: str, tasks: int, database: str) -> None:
    """Print what one run took."""
    text = DAG_FILE.format(tasks=tasks, rest=RESTS[shape])
    with home_of(text, database, AIRFLOW_LITE__CORE__MAX_MAP_LENGTH="100000") as home:
        with home.scheduler():
            home.wait_for(lambda: home.value(_DAGS), 1, 60)
            before, began = home.cpu_s(), time.monotonic()
            home.trigger("mapped")
            ended = sa.select(sa.func.count()).where(_STATE.in_(["success", "failed"]))
            home.wait_for(lambda: home.value(ended), 1, PATIENCE_S)
            took_s = time.monotonic() - began
            after = home.cpu_s()
            peaks = [peak_mb(pid) for pid in (home.scheduler_pid, host_pid(home.scheduler_pid))]
        count, last_mb = _check(home, tasks, shape), _last_peak_mb(home)
    each_ms = {role: (much - before.get(role, 0.0)) * 1000 / count for role, much in after.items()}
    parts = ", ".join(f"{role} {much:.2f}" for role, much in sorted(each_ms.items()))
    print(
        f"{shape:8} {database:10} {tasks:6}: {took_s:7.1f} s, {sum(each_ms.values()):6.2f} ms of"
        f" CPU a task ({parts}); at most {peaks[0]:.0f} MB scheduler, {peaks[1]:.0f} MB task host,"
        f" {last_mb:.0f} MB last task",
        flush=True,
    )


def _check(home: Home, tasks: int, shape: str) -> int:
    """Return how many tasks succeeded; end the benchmark unless all did."""
    state = task_instance.c.state
    query = sa.select(sa.func.count()).select_from(task_instance).where(state == "success")
    wanted = tasks * (2 if shape == "chain" else 1) + 2
    if (found := home.value(query)) != wanted:
        sys.exit(f"{found} of {wanted} tasks succeeded")
    return wanted


def _last_peak_mb(home: Home) -> float:
    query = sa.select(xcom.c.value).where(xcom.c.task_id == "last", xcom.c.key == "return_value")
    return float(home.value(query).strip("[]").split(",")[1]) / 1024


def main() -> None:
    """Measure each shape, size and database."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--shape", nargs="+", choices=RESTS, default=["result"])
    databases.add_option(parser)
    args = parser.parse_args()
    print(
        f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
        f"{databases.describe(args.database)}; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    for database in args.database:
        for shape in args.shape:
            for tasks in args.tasks:
                measure(shape, tasks, database)


if __name__ == "__main__":
    main()
