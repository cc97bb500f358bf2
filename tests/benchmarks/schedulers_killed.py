"""How soon other schedulers take over the DAGs of one that dies, and that nothing is lost by it.

    scripts/services up postgres    # prints POSTGRES_URL=…, which is to be exported
    python tests/benchmarks/schedulers_killed.py [--machines 3] [--dags 20] [--tasks 100] [--kills 20]

Schedulers with names of machines of their own, so that only their leases tell that they are dead,
share a PostgreSQL. Each DAG has a run after another; every few seconds one scheduler is killed with
-9, each fourth time stopped until its DAGs are taken and then continued, and started again. At the
end every run must be right: `task_event` is checked, the pool of three slots, and the files that the
tasks' own code writes.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))
from fixtures.fleets import Fleet

TASK_S = 0.3


def kill_one(fleet: Fleet, machine: int, *, is_stopped: bool) -> float:
    """Kill or stop a scheduler, start it again; return the seconds until its DAGs were taken."""
    if is_stopped:
        job, stopped = fleet.freeze(machine)
    else:
        job = fleet.kill(machine)
    began = time.monotonic()
    fleet.wait_taken(job)
    took_s = time.monotonic() - began
    if is_stopped:
        os.kill(stopped.pid, signal.SIGCONT)
        if stopped.process.wait(60) != 1:
            sys.exit(f"the stopped scheduler ended with {stopped.process.returncode}")
    fleet.start(machine)
    return took_s


def measure(fleet: Fleet, options: argparse.Namespace) -> None:
    """Kill schedulers in the middle of work, and print what became of it."""
    lot = random.Random(options.seed)
    fleet.write_dags(options.dags, options.tasks, TASK_S)
    for machine in range(options.machines):
        fleet.start(machine)
    fleet.wait_spread(options.dags)
    taken_s = []
    for number in range(options.kills):
        if not fleet.value("SELECT count(*) FROM dag_run WHERE state IN ('queued', 'running')"):
            fleet.trigger(options.dags, f"r{number}")
        time.sleep(lot.uniform(0, 3))
        machine = lot.randrange(options.machines)
        taken_s.append(kill_one(fleet, machine, is_stopped=number % 4 == 3))
        print(f"{number + 1}: machine{machine}, taken after {taken_s[-1]:.1f} s", flush=True)
    fleet.wait_ended()
    fleet.wait_called(fleet.value("SELECT count(*) FROM dag_run"))
    states = fleet.rows("SELECT state, count(*) FROM dag_run GROUP BY 1 ORDER BY 1")
    tries = fleet.rows("SELECT try_number, count(*) FROM task_instance GROUP BY 1 ORDER BY 1")
    print(
        f"taken over after {statistics.median(taken_s):.1f} s (median), {max(taken_s):.1f} s (most)"
    )
    print(f"runs {dict(states)}, task instances by tries {dict(tries)}")
    print(f"most slots taken of the pool of 3: {fleet.most_in_pool()}")
    print(f"findings: {fleet.findings() or 'none'}")


def main() -> None:
    """Make a database for it, and drop it at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (
        ("machines", 3),
        ("dags", 20),
        ("tasks", 100),
        ("kills", 20),
        ("seed", 1),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    server = os.environ["POSTGRES_URL"]
    name = f"bench_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        with tempfile.TemporaryDirectory() as folder:
            url = server.rpartition("/")[0] + "/" + name
            fleet = Fleet(Path(folder) / "fleet", url, options.machines)
            try:
                measure(fleet, options)
            finally:
                fleet.close()
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    main()
