"""What a pass of the scheduler costs where much has been run before: no more than where little has.

    python tests/benchmarks/long_history.py [--rows 10000 1000000] [--passes 200]

For each number of finished task instances: a store in a file with as many rows in `task_instance`,
`attempt` and `task_event`, in runs of 100 tasks of ten DAGs. Timed are passes with nothing to do in
which everything is looked at that a loop looks at by and by: its fallback poll, the watch over
active attempts, the beat, the retention, due schedules. The stores take turns, pass by pass.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from airflow_lite.clock import SystemClock
from airflow_lite.config import Config
from airflow_lite.scheduler.loop.assembly import make_loop
from airflow_lite.scheduler.loop.loop import Loop
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.spec.timetable import schedule_spec
from airflow_lite.store import schema
from airflow_lite.store.engine import Store, open_store
from airflow_lite_testing.stub_executor import StubExecutor

DAGS = 10
TASKS = 100
TIMERS = ("refresh", "watch", "beat", "retention")

_COUNT = "WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n + 1 < {rows}) "
FILL = (
    "INSERT INTO dag_run (id, dag_id, run_id, run_type, state, logical_us, interval_start_us,"
    " interval_end_us, queued_us, start_us, end_us, conf, version_id) "
    "SELECT n + 1, 'd' || (n % 10), 'r' || n, 'scheduled', 'success', n, n, n, {now}, {now}, {now},"
    " '{{}}', n % 10 + 1 FROM c",
    "INSERT INTO task_instance (id, dag_run_id, task_id, state, try_number, attempt, start_us,"
    " end_us) SELECT n + 1, n / 100 + 1, 't' || (n % 100), 'success', 1, printf('%032x', n),"
    " {now}, {now} FROM c",
    "INSERT INTO attempt (token, task_instance_id, try_number, queued_us, claimed_us, ended_us,"
    " outcome, accepted) SELECT printf('%032x', n), n + 1, 1, {now}, {now}, {now}, 'success', 1"
    " FROM c",
    "INSERT INTO task_event (task_instance_id, dag_run_id, task_id, map_index, try_number,"
    " from_state, to_state, at_us) SELECT n + 1, n / 100 + 1, 't' || (n % 100), -1, 1, 'running',"
    " 'success', {now} FROM c",
)


class InlineStub(StubExecutor):
    runs_in_process = True


def fill(store: Store, rows: int, now_us: int) -> None:
    """Write the DAGs and `rows` finished instances with all that hangs on them."""
    with store.begin() as connection:
        for number in range(DAGS):
            spec = DagSpec(
                f"d{number}",
                tasks={name: TaskSpec(name) for name in (f"t{n}" for n in range(TASKS))},
                schedule=schedule_spec("@daily"),
                start_date_us=now_us,
            )
            version = schema.dag_version.insert().values(
                id=number + 1,
                dag_id=spec.dag_id,
                number=1,
                digest=spec.digest,
                spec=spec.to_json(),
                created_us=now_us,
            )
            connection.execute(version)
            row = {"dag_id": spec.dag_id, "fileloc": "x.py", "version_id": number + 1}
            connection.execute(schema.dag.insert().values(row))
        for statement, count in zip(FILL, (rows // TASKS, rows, rows, rows), strict=True):
            connection.exec_driver_sql((_COUNT + statement).format(rows=count, now=now_us))


def make(folder: str, rows: int) -> Loop:
    config = Config.load({"AIRFLOW_LITE_HOME": str(Path(folder) / str(rows))})
    store, clock = open_store(config), SystemClock()
    fill(store, rows, clock.now_us())
    executor = InlineStub()
    executor.configure(config)
    executor.store = store
    loop = make_loop(config, store, executor, clock=clock, with_files=False, with_bell=False)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--passes", type=int, default=200)
    args = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores,"
          f" load {os.getloadavg()[0]:.2f}, {args.passes} passes each, in turns")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        loops = {rows: make(folder, rows) for rows in args.rows}
        taken: dict[int, list[float]] = {rows: [] for rows in loops}
        for _ in range(args.passes):
            for rows, loop in loops.items():
                taken[rows].append(one_pass(loop))
        for rows, loop in loops.items():
            low, middle = min(taken[rows]) * 1e3, statistics.median(taken[rows]) * 1e3
            print(f"{rows:9} finished rows: {low:.2f} ms a pass best, {middle:.2f} median")
            loop.stopping.ask()
            loop.close(state="success")
            loop.context.store.close()
    first, *_, last = (statistics.median(taken[rows]) for rows in args.rows)
    print(f"ratio of the medians, most to least rows: {last / first:.2f}")


if __name__ == "__main__":
    main()
