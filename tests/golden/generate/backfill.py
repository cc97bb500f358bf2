"""Write backfill.json: which runs and states Airflow 2.10.5's backfills leave behind.

Run as `generate/semantics` is: python backfill.py OUTPUT_FOLDER. Tasks run in this process, on its
DebugExecutor; the command is that of `airflow dags backfill`, and what it answers is its exit.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import sys
import time
import warnings
from datetime import timedelta
from pathlib import Path

os.environ["AIRFLOW__CORE__EXECUTOR"] = "DebugExecutor"
# Behind all else: the web server needs a package that is named as a module there.
sys.path += [str(Path(__file__).parent / "semantics"), str(Path(__file__).parents[1])]

import pendulum
from airflow import DAG
from airflow.cli import cli_parser
from airflow.cli.commands.dag_command import dag_backfill
from airflow.executors.debug_executor import DebugExecutor
from airflow.models import DagRun, Pool
from airflow.timetables.events import EventsTimetable
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.utils.session import create_session
from backfill_cases import CASES, CHAIN, RANGES
from bench import MOMENT, boom, python

#: What a command line would have and the DebugExecutor leaves out.
KEPT = ("ignore_depends_on_past", "ignore_task_deps")
EARLY = pendulum.datetime(2023, 1, 1, tz="UTC")


def queue(executor, task_instance, **arguments) -> None:
    queue_of_airflow(executor, task_instance, **arguments)
    executor.tasks_params[task_instance.key].update({name: arguments[name] for name in KEPT})


queue_of_airflow, DebugExecutor.queue_task_instance = DebugExecutor.queue_task_instance, queue


def day(number: int) -> pendulum.DateTime:
    return MOMENT.add(days=number - 1)


def make(dag_id: str, case: dict) -> DAG:
    own = dict(case.get("dag", {}))
    begins = own.get("start_date_day")
    ends = own.get("end_date_day")
    edges = case.get("edges", CHAIN)
    with DAG(
        dag_id,
        start_date=day(begins) if begins else EARLY,
        end_date=day(ends) if ends else None,
        schedule=case.get("schedule", "@daily"),
        catchup=False,
        max_active_runs=case.get("max_active_runs", 16),
        default_args={"retry_delay": timedelta(0)},
    ) as dag:
        fails = {(name, number) for name, number in case.get("fails", [])}
        for name in [*edges, *(below for all_below in edges.values() for below in all_below)]:
            if name in dag.task_ids:
                continue
            arguments = dict(case.get("tasks", {}).get(name, {}))
            for key in ("start_date", "end_date"):
                if (number := arguments.pop(f"{key}_day", None)) is not None:
                    arguments[key] = day(number)
            python(name, work(name, fails), **arguments)
        for name, below in edges.items():
            dag.get_task(name).set_downstream([dag.get_task(other) for other in below])
    return dag


def work(name: str, fails: set):
    def call(logical_date):
        if (name, logical_date.day) in fails:
            boom()

    return call


def lay(dag: DAG, case: dict, session) -> None:
    """Make the runs that are there before the backfill."""
    for number, (kind, state, states) in case.get("before", {}).items():
        moment = day(number)
        run = dag.create_dagrun(
            run_type=kind, execution_date=moment, data_interval=(moment, moment.add(days=1)),
            state=state, start_date=moment, external_trigger=kind == "manual", session=session,
        )  # fmt: skip
        by_name = {ti.task_id: ti for ti in run.get_task_instances(session=session)}
        for name, value in zip(dag.task_ids, states, strict=True):
            by_name[name].state = value
            by_name[name].try_number = int(value in ("failed", "success"))
    session.commit()


def command(dag: DAG, case: dict) -> list[str]:
    first, last = case["days"]
    words = [
        "dags",
        "backfill",
        dag.dag_id,
        "-y",
        "-s",
        f"2024-01-{first:02}",
        "-e",
        f"2024-01-{last:02}",
    ]  # noqa: E501
    for name, value in case.get("options", {}).items():
        words.append(f"--{name.replace('_', '-')}")
        words += [] if value is True else [value]
    return words


def ask(dag: DAG, case: dict) -> dict[str, object]:
    args = cli_parser.get_parser().parse_args(command(dag, case))
    answer = "done"
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            dag_backfill(args, dag=dag)
        except SystemExit as error:
            answer = f"exit {error.code}"
        except Exception as error:  # noqa: BLE001 - the error is the answer
            lines = str(error).splitlines()
            answer = f"{type(error).__name__}: {lines[0]}" + (
                " deadlocked" if "is deadlocked" in str(error) else ""
            )
    return {"answer": re.sub(r"\s+", " ", answer), "runs": runs_of(dag.dag_id)}


def runs_of(dag_id: str) -> dict[str, object]:
    with create_session() as session:
        found = session.query(DagRun).filter_by(dag_id=dag_id).order_by(DagRun.execution_date)
        return {
            run.run_id: {
                "type": run.run_type,
                "state": str(run.state),
                "interval": [str(run.data_interval_start), str(run.data_interval_end)],
                "tasks": {
                    ti.task_id: [ti.state and str(ti.state), ti.try_number]
                    for ti in sorted(
                        run.get_task_instances(session=session), key=lambda ti: ti.task_id
                    )
                },
            }
            for run in found
        }


def ranges() -> dict[str, object]:
    return {name: dates_of(case) for name, case in RANGES.items()}


def dates_of(case: dict) -> list[list[str]]:
    zone = case.get("timezone", "UTC")
    if "trigger" in case:
        looks_back = timedelta(seconds=case.get("interval_s", 0))
        schedule = CronTriggerTimetable(case["trigger"], timezone=zone, interval=looks_back)
    elif "events" in case:
        schedule = EventsTimetable([pendulum.parse(text) for text in case["events"]])
    else:
        schedule = case["schedule"]
    if isinstance(schedule, int):
        schedule = timedelta(seconds=schedule)
    own = {
        name: pendulum.parse(case[name], tz=zone)
        for name in ("start_date", "end_date")
        if name in case
    }
    dag = DAG(
        "ranges",
        schedule=schedule,
        catchup=case.get("catchup", True),
        **({"max_active_runs": 1} if schedule == "@continuous" else {}),
        **{"start_date": pendulum.parse("2020-01-01", tz=zone), **own},
    )
    found = []
    for info in dag.iter_dagrun_infos_between(
        pendulum.parse(case["first"]), pendulum.parse(case["last"])
    ):  # noqa: E501
        found.append(
            [
                str(info.logical_date.in_tz("UTC")),
                str(info.data_interval.start.in_tz("UTC")),
                str(info.data_interval.end.in_tz("UTC")),
            ]
        )  # noqa: E501
        if len(found) == 50:
            break
    return found


def main(output: Path) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    time.sleep = lambda _: None
    with create_session() as session:
        Pool.create_or_update_pool("other", 4, "", False, session=session)
    answers = {}
    for number, (name, case) in enumerate(CASES.items()):
        dag = make(f"backfill_{number}", case)
        with create_session() as session:
            dag.sync_to_db(session=session)
            lay(dag, case, session)
        answers[name] = ask(dag, case)
        print(name, answers[name], file=sys.stderr)
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in answers.items())
    dates = ",\n".join(f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in ranges().items())
    text = (
        f'{{\n "airflow": "2.10.5",\n "cases": {{\n{lines}\n }},\n "ranges": {{\n{dates}\n }}\n}}\n'
    )
    (output / "backfill.json").write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
