"""What each page of the web server takes where much has been run, and beside Airflow's.

    scripts/bench web_pages [--dags 1000] [--runs 1000000] [--requests 20] [--airflow BIN]

A store on SQLite with so many DAGs of three tasks, so many finished runs of them, the newest
100,000 with an instance and its history, and a DAG of 1,000 tasks with 25 whole runs. The real server is asked for
each page again and again, by one reader: shown are the wall time, best and median, the processor
time of the server, from /proc, and the size. Then a server of the same home that soon sleeps is left
alone: memory (PSS) and processor time are shown awake and asleep, and what the first request waits.
`--airflow` is the `bin` folder of an environment with
Airflow 2.10: its web server, with one worker, gets as many DAGs and runs on SQLite, and is asked for
what shows the same; its grid is the page and the data that this fetches.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import re
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from airflow_lite.config import Config
from airflow_lite.spec.model import DagSpec, TaskSpec
from airflow_lite.store.engine import Store, open_store
from benchmarks.beside_airflow import cpu_s, memory_mb, tree_of
from benchmarks.open_pages import running, said
from fixtures.homes import Home
from fixtures.store_rows import add_dag, add_run
from fixtures.waits import DEADLINE_S

#: 2024-01-01, and seconds between two runs.
START_US, STEP_US = 1_704_067_200_000_000, 60_000_000
BIG_TASKS, BIG_RUNS = 1_000, 25
#: Seconds after which a server at rest sleeps, and for which it is left asleep.
REST_S = 10
#: The newest runs, which alone have instances: as many rows again would show nothing more.
WITH_INSTANCES = 100_000
RUN = "/dags/d1/runs/{run}"
PAGES = {
    "first page": ["/"],
    "first page, failed ones": ["/?kind=failed"],
    "grid": ["/dags/d1/grid"],
    "grid, 200 rows x 25 runs": ["/dags/big/grid?open=*"],
    "graph": ["/dags/d1/graph"],
    "graph, folded": ["/dags/big/graph"],
    "runs": ["/dags/d1/runs"],
    "details, 1,000 tasks": ["/dags/big/details"],
    "run": [f"{RUN}/gantt"],
    "run, 1,000 tasks": ["/dags/big/runs/r0/gantt"],
    "task": [f"{RUN}/tasks/t0/log"],
    "task's history": [f"{RUN}/tasks/t0/history"],
    "trigger": ["/dags/d1/trigger"],
    "executors": ["/executors"],
    "datasets": ["/datasets"],
    "pools": ["/pools"],
    "variables": ["/variables"],
    "connections": ["/connections"],
    "settings": ["/settings"],
    "API: 100 runs": ["/api/v1/dags/d1/dagRuns?limit=100&order_by=-execution_date"],
    "API: 100 DAGs": ["/api/v1/dags?limit=100"],
}
AIRFLOW_PAGES = {
    "first page": ["/home"],
    "grid": ["/dags/d1/grid", "/object/grid_data?dag_id=d1&num_runs=25"],
    "API: 100 runs": PAGES["API: 100 runs"],
    "API: 100 DAGs": PAGES["API: 100 DAGs"],
}
_NUMBERS = "WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n + 1 < {runs}) "
#: Run n is of DAG n % dags; the versions of the DAGs have the ids from 1 on.
_LITE = (
    "INSERT INTO dag_run (id, dag_id, run_id, run_type, state, logical_us, interval_start_us,"
    " interval_end_us, queued_us, start_us, end_us, conf, version_id) SELECT n + 1,"
    " 'd' || (n % {dags}), 'r' || n, 'scheduled', CASE WHEN n % 50 THEN 'success' ELSE 'failed' END,"
    " {us}, {us}, {us}, {us}, {us}, {us} + 1000000, '{{}}', n % {dags} + 1 FROM c",
    "INSERT INTO task_instance (id, dag_run_id, task_id, state, try_number, start_us, end_us,"
    " version_id) SELECT n + 1, n + 1, 't0', 'success', 1, {us}, {us} + 1000000, n % {dags} + 1"
    " FROM c WHERE n >= {runs} - {newest}",
    "INSERT INTO task_event (task_instance_id, dag_run_id, task_id, map_index, try_number,"
    " from_state, to_state, at_us) SELECT n + 1, n + 1, 't0', -1, 1, 'running', 'success', {us}"
    " FROM c WHERE n >= {runs} - {newest}",
)
_AIRFLOW = (
    "INSERT INTO dag_run (id, dag_id, run_id, run_type, state, execution_date, data_interval_start,"
    " data_interval_end, queued_at, start_date, end_date, external_trigger, clear_number) SELECT"
    " n + 1, 'd' || (n % {dags}), 'r' || n, 'scheduled', CASE WHEN n % 50 THEN 'success' ELSE"
    " 'failed' END, {at}, {at}, {at}, {at}, {at}, {at}, 0, 0 FROM c",
    "INSERT INTO task_instance (task_id, dag_id, run_id, map_index, state, try_number, max_tries,"
    " start_date, end_date, duration, pool, pool_slots, queue, priority_weight, operator) SELECT"
    " 't0', 'd' || (n % {dags}), 'r' || n, -1, 'success', 1, 0, {at}, {at}, 1, 'default_pool', 1,"
    " 'default', 1, 'EmptyOperator' FROM c WHERE n >= {runs} - {newest}",
)
_AIRFLOW_DAGS = """
from datetime import datetime
from airflow import DAG
from airflow.operators.empty import EmptyOperator

for number in range({dags}):
    with DAG(f"d{{number}}", start_date=datetime(2024, 1, 1), schedule="@daily") as dag:
        EmptyOperator(task_id="t0") >> EmptyOperator(task_id="t1") >> EmptyOperator(task_id="t2")
    globals()[f"d{{number}}"] = dag
"""


class Taken(NamedTuple):
    """What a page took: seconds of each request, of the processor for one, and bytes."""

    walls: list[float]
    cpu: float
    size: int

    def __str__(self) -> str:
        low, middle = min(self.walls) * 1e3, statistics.median(self.walls) * 1e3
        return f"{low:7.1f} {middle:7.1f} ms {self.cpu * 1e3:7.1f} ms cpu {self.size / 1e3:6.0f} kB"


def spec_of(dag_id: str, tasks: int) -> DagSpec:
    return DagSpec(dag_id, {f"t{n}": TaskSpec(f"t{n}", "EmptyOperator") for n in range(tasks)})


def fill(store: Store, dags: int, runs: int) -> None:
    """Write the DAGs and their runs, and the DAG of many tasks."""
    with store.begin() as connection:
        for number in range(dags):
            add_dag(connection, spec_of(f"d{number}", 3))
        for statement in _LITE:
            us = f"{START_US} + n * {STEP_US}"
            text = (_NUMBERS + statement).format(runs=runs, dags=dags, us=us, newest=WITH_INSTANCES)
            connection.exec_driver_sql(text)
        big = spec_of("big", BIG_TASKS)
        version = add_dag(connection, big)
        for number in range(BIG_RUNS):
            at_us = START_US + number * STEP_US
            run = add_run(connection, big, version, f"r{number}", at_us)
            connection.exec_driver_sql(
                "UPDATE task_instance SET state = 'success', try_number = 1, start_us = ?,"
                " end_us = ? WHERE dag_run_id = ?",
                (at_us, at_us + 1_000_000, run),
            )
    with store.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("ANALYZE")


def pages_of(args: argparse.Namespace) -> dict[str, list[str]]:
    """Return the pages, with the newest run of d1."""
    run = f"r{(args.runs - 2) // args.dags * args.dags + 1}"
    return {name: [path.format(run=run) for path in paths] for name, paths in PAGES.items()}


def measure(
    pages: dict[str, list[str]], get: Callable[[str], int], pid: int, requests: int
) -> dict[str, Taken]:
    """Ask for each page; what it takes several requests for counts together."""
    taken = {}
    for name, paths in pages.items():
        size = sum(map(get, paths))
        before, walls = cpu_s(tree_of(pid)), []
        for _ in range(requests):
            began = time.perf_counter()
            for path in paths:
                get(path)
            walls.append(time.perf_counter() - began)
        taken[name] = Taken(walls, (cpu_s(tree_of(pid)) - before) / requests, size)
        print(f"{name:28} {taken[name]}", flush=True)
    return taken


def getter(address: str, token: str = "") -> Callable[[str], int]:
    headers = {"authorization": f"Bearer {token}"} if token else {}

    def get(path: str) -> int:
        request = urllib.request.Request(address.rstrip("/") + path, headers=headers)
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return len(answer.read())

    return get


def of_ours(folder: Path, args: argparse.Namespace) -> dict[str, Taken]:
    home = Home(folder / "home")
    began = time.monotonic()
    with contextlib.closing(open_store(Config.load(home.environ))) as store:
        fill(store, args.dags, args.runs)
    print(f"airflow-lite: {args.dags} DAGs, {args.runs} runs, filled in"
          f" {time.monotonic() - began:.0f} s")  # fmt: skip
    log = folder / "web.log"
    with running(home, "web", "--port", "0", log=log) as pid:
        token, address = said(log)
        taken = measure(pages_of(args), getter(address, token), pid, args.requests)
    at_rest(home, token, folder / "rest.log")
    return taken


def at_rest(home: Home, token: str, log: Path) -> None:
    """Ask for a page, leave the server alone until it sleeps and as long again, and wake it."""
    home.environ["AIRFLOW_LITE__WEB__SLEEP_AFTER_S"] = str(REST_S)
    with running(home, "web", "--port", "0", log=log) as pid:
        get = getter(address_in(log), token)
        get("/")
        print(f"at rest, awake: {memory_mb(tree_of(pid)):.1f} MB", flush=True)
        end = time.monotonic() + DEADLINE_S
        while len(tree_of(pid)) > 1:
            if time.monotonic() > end:
                raise SystemExit("the server does not sleep")
            time.sleep(0.5)
        before = cpu_s([pid])
        time.sleep(REST_S)
        print(f"at rest, asleep: {memory_mb([pid]):.1f} MB, {cpu_s([pid]) - before:.2f} s of the"
              f" processor in {REST_S} s")  # fmt: skip
        waits = []
        for _ in range(2):
            began = time.perf_counter()
            get("/")
            waits.append(time.perf_counter() - began)
        print(f"first page as it wakes: {waits[0] * 1e3:.0f} ms, then {waits[1] * 1e3:.0f} ms")


def address_in(log: Path) -> str:
    """Return the address that a server has told, which made no user."""
    end = time.monotonic() + DEADLINE_S
    while not (found := re.search(r"Serving on (\S+) ", log.read_text())):
        if time.monotonic() > end:
            raise SystemExit(f"the server did not start: {log.read_text()}")
        time.sleep(0.1)
    return found[1]


@contextlib.contextmanager
def airflow_server(folder: Path, args: argparse.Namespace) -> Iterator[tuple[int, str]]:
    """Have Airflow's web server over as many DAGs and runs; give its process id and address."""
    (folder / "dags").mkdir(parents=True)
    (folder / "dags" / "many.py").write_text(_AIRFLOW_DAGS.format(dags=args.dags))
    (folder / "webserver_config.py").write_text("AUTH_ROLE_PUBLIC = 'Admin'\n")
    environ = {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",
        "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
        "AIRFLOW__WEBSERVER__WORKERS": "1",
        "PATH": f"{args.airflow}:{os.environ['PATH']}",
    }
    command = args.airflow / "airflow"
    for words in (("db", "migrate"), ("dags", "reserialize")):
        subprocess.run([command, *words], env=environ, check=True, capture_output=True)
    at = f"strftime('%Y-%m-%d %H:%M:%S.000000', {START_US // 10**6} + n * {STEP_US // 10**6}, 'unixepoch')"
    with contextlib.closing(sqlite3.connect(folder / "airflow.db")) as database, database:
        for statement in _AIRFLOW:
            text = (_NUMBERS + statement).format(
                runs=args.runs, dags=args.dags, at=at, newest=WITH_INSTANCES
            )
            database.execute(text)
        database.execute("UPDATE dag SET is_active = 1, is_paused = 0")
        database.execute("ANALYZE")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with (folder / "web.log").open("w") as log:
        server = subprocess.Popen(
            [command, "webserver", "--hostname", "127.0.0.1", "--port", port],
            env=environ,
            stdout=log,
            stderr=log,
        )
        try:
            yield server.pid, f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(DEADLINE_S)


def wait_for(get: Callable[[str], int], path: str, log: Path) -> None:
    end = time.monotonic() + 3 * DEADLINE_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            get(path)
            return
        time.sleep(1)
    raise SystemExit(f"Airflow's web server does not answer: {log.read_text()[-2000:]}")


def beside(folder: Path, args: argparse.Namespace, ours: dict[str, Taken]) -> None:
    with airflow_server(folder, args) as (pid, address):
        get = getter(address)
        wait_for(get, "/home", folder / "web.log")
        print(f"Airflow: {args.dags} DAGs, {args.runs} runs", flush=True)
        theirs = measure(AIRFLOW_PAGES, get, pid, args.requests)
    for name, taken in theirs.items():
        wall = statistics.median(taken.walls) / statistics.median(ours[name].walls)
        print(f"{name:28} {wall:6.1f} times the time, {taken.cpu / ours[name].cpu:6.1f} times the"
              " processor time")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dags", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--airflow", type=Path, metavar="BIN")
    args = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores,"
          f" load {os.getloadavg()[0]:.2f}, {args.requests} requests each")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        ours = of_ours(Path(folder, "lite"), args)
        if args.airflow:
            beside(Path(folder, "airflow"), args, ours)


if __name__ == "__main__":
    main()
