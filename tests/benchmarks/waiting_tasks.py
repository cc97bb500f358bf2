"""What a scheduler at rest costs while many tasks wait, by what they wait with.

    scripts/bench waiting_tasks [--tasks 0 1000] [--seconds 60] [--database sqlite postgresql]
        [--shape deferred rescheduled deferred_runs rescheduled_runs asking poking]

`deferred` waits for a moment in a trigger, `rescheduled` is a sensor of `mode="reschedule"` that
looks once an hour; as mapped tasks of one run, or as `…_runs` with a run for each. `asking` is a
deferred ExternalTaskSensor, whose trigger asks for states once a minute, and `poking` a rescheduled
sensor that looks once a minute: these do something all the time. Under LocalExecutor; counted once
all wait, in the processor's time of all processes of the home, as a share of one core. Linux only.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from typing import TYPE_CHECKING

import sqlalchemy as sa

from airflow_lite.store.schema import dag, task_instance
from benchmarks import databases
from benchmarks.local_home import home_of

if TYPE_CHECKING:
    from benchmarks.local_home import Home

HEAD = """
from datetime import datetime, timedelta, timezone
from airflow_lite import (
    DAG, BaseSensorOperator, DateTimeSensorAsync, EmptyOperator, ExternalTaskSensor,
)

FAR = datetime(2100, 1, 1, tzinfo=timezone.utc).isoformat()

class Never(BaseSensorOperator):
    def __init__(self, number=0, **kwargs):
        super().__init__(**kwargs)

    def poke(self, context):
        return False

with DAG("elsewhere", schedule=None, start_date=datetime(2024, 1, 1)):
    EmptyOperator(task_id="t")

USUAL = dict(start_date=datetime(2024, 1, 1), max_active_tasks=10**6, max_active_runs=10**6)
"""
#: An operator that takes one argument of each task, which is what it is mapped over.
MAPPED = """
with DAG("waiting", schedule=None, **USUAL):
    {make}.expand({over}=[{value}] * {tasks})
"""
RUNS = """
with DAG("waiting", schedule=timedelta(minutes=1), catchup=True,
         end_date=USUAL["start_date"] + timedelta(minutes={tasks} - 1), **USUAL):
    {make}.expand({over}=[{value}])
"""
DEFERRED = ('DateTimeSensorAsync.partial(task_id="t")', "target_time", "FAR")
SENSOR = 'Never.partial(task_id="t", mode="reschedule", poke_interval={}, timeout=10**6)'
SHAPES = {
    "deferred": (MAPPED, DEFERRED),
    "rescheduled": (MAPPED, (SENSOR.format(3600), "number", "1")),
    "deferred_runs": (RUNS, DEFERRED),
    "rescheduled_runs": (RUNS, (SENSOR.format(3600), "number", "1")),
    "asking": (
        MAPPED,
        (
            'ExternalTaskSensor.partial(task_id="t", external_dag_id="elsewhere", deferrable=True,'
            " poll_interval=60, check_existence=False)",
            "external_task_id",
            '"t"',
        ),
    ),
    "poking": (MAPPED, (SENSOR.format(60), "number", "1")),
}
#: Until all wait: a thousand tries of a sensor take some time on a slow machine.
PATIENCE_S = 600.0
_DAGS = sa.select(sa.func.count()).select_from(dag)


def dag_file(shape: str, tasks: int) -> str:
    """Return the DAG of so many tasks that wait; of none, one that ends at once."""
    if tasks == 0:
        return (
            HEAD
            + '\nwith DAG("waiting", schedule=None, **USUAL):\n    EmptyOperator(task_id="t")\n'
        )
    body, (make, over, value) = SHAPES[shape]
    return HEAD + body.format(make=make, over=over, value=value, tasks=tasks)


def waiting(home: Home) -> int:
    """Return how many tasks wait now."""
    state = task_instance.c.state
    query = sa.select(sa.func.count()).where(state.in_(["deferred", "up_for_reschedule"]))
    return int(home.value(query))


def measure(args: argparse.Namespace, shape: str, tasks: int, database: str) -> None:
    """Print what the processes of one home cost while so many tasks wait."""
    with home_of(dag_file(shape, tasks), database) as home, home.scheduler():
        if tasks == 0 or "runs" not in shape:
            home.wait_for(lambda: home.value(_DAGS), 2, PATIENCE_S)
            home.trigger("waiting")
        home.wait_for(lambda: waiting(home), tasks, PATIENCE_S)
        time.sleep(args.settle)
        before, began = home.cpu_s(), time.monotonic()
        time.sleep(args.seconds)
        after, took_s = home.cpu_s(), time.monotonic() - began
        left = waiting(home)
    shares = {role: (much - before.get(role, 0.0)) / took_s * 100 for role, much in after.items()}
    parts = ", ".join(f"{role} {share:.2f}" for role, share in sorted(shares.items()))
    print(
        f"{shape:17} {database:10} {tasks:6} tasks: {sum(shares.values()):6.2f} % of a core"
        f" over {took_s:.0f} s ({parts}); {left} wait at its end",
        flush=True,
    )


def main() -> None:
    """Measure each shape, size and database."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[0, 1000])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--settle", type=float, default=15.0, help="seconds before counting begins")
    parser.add_argument("--shape", nargs="+", choices=SHAPES, default=["deferred", "rescheduled"])
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
                measure(args, shape, tasks, database)


if __name__ == "__main__":
    main()
