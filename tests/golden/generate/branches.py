"""Write branches.json: what the branches by date and the sensors of moments of Airflow 2.10.5 say.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    AIRFLOW_HOME=$(mktemp -d) python branches.py OUTPUT_FOLDER

A moment is ISO text; "now" is what the clock shows.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from datetime import datetime, time, timedelta
from pathlib import Path
from unittest import mock

import pendulum
from airflow import DAG
from airflow.operators.datetime import BranchDateTimeOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.latest_only import LatestOnlyOperator
from airflow.operators.weekday import BranchDayOfWeekOperator
from airflow.sensors.date_time import DateTimeSensor
from airflow.sensors.time_delta import TimeDeltaSensor
from airflow.sensors.time_sensor import TimeSensor
from airflow.sensors.weekday import DayOfWeekSensor
from airflow.utils import timezone

ZONES = ("UTC", "America/New_York", "Asia/Tokyo")
NOWS = (
    "2024-03-09T23:30:00+00:00",
    "2024-03-10T07:30:00+00:00",
    "2024-03-11T14:00:00+00:00",
    "2024-03-11T03:59:59+00:00",
)
TARGETS = (
    None,
    time(9, 0),
    time(14, 0),
    time(22, 0),
    datetime(2024, 3, 10, 12, 0),
    datetime.fromisoformat("2024-03-11T02:00:00+09:00"),
)
DAYS = ("Sunday", ["saturday", "MONDAY"])
MOMENTS = ("2024-03-10T07:30:00", "2024-03-10T07:29:59.999999+00:00", "2024-03-10T09:00:00+02:00")
TIMES = (time(2, 0), time(7, 30), time(16, 30))


def text(value):
    return None if value is None else value.isoformat()


def at(now):
    """Let the clock show `now`."""
    moment = pendulum.parse(now)
    return mock.patch.object(timezone, "utcnow", lambda: moment), moment


def make_dag(zone):
    return DAG("d", start_date=pendulum.datetime(2024, 1, 1, tz=zone), schedule=None)


def branch_of(operator, now, by_date):
    clock, moment = at(now)
    with clock, contextlib.suppress(TypeError):  # a time of a zone against one of none: it fails
        return operator.choose_branch({"logical_date": moment if by_date else None})
    return None


def date_branches():
    rows = []
    for zone, now, (lower, upper), by_date in itertools.product(
        ZONES, NOWS, itertools.product(TARGETS, TARGETS), (False, True)
    ):
        if lower is None and upper is None:
            continue
        operator = BranchDateTimeOperator(
            task_id="t",
            dag=make_dag(zone),
            follow_task_ids_if_true="within",
            follow_task_ids_if_false="outside",
            target_lower=lower,
            target_upper=upper,
            use_task_logical_date=by_date,
        )
        rows.append(
            [zone, now, text(lower), text(upper), by_date, branch_of(operator, now, by_date)]
        )
    return rows


def day_branches():
    rows = []
    for zone, now, days, by_date in itertools.product(ZONES, NOWS, DAYS, (False, True)):
        operator = BranchDayOfWeekOperator(
            task_id="t",
            dag=make_dag(zone),
            follow_task_ids_if_true="is",
            follow_task_ids_if_false="is not",
            week_day=days,
            use_task_logical_date=by_date,
        )
        rows.append([zone, now, days, by_date, branch_of(operator, now, by_date)])
    return rows


def latest_only():
    rows = []
    schedules = {"@daily": "@daily", "30 7 * * *": "30 7 * * *", "None": None, "@once": "@once"}
    for (name, schedule), zone, now, days in itertools.product(
        schedules.items(), ZONES, NOWS, range(4)
    ):
        start = pendulum.datetime(2024, 1, 1, tz=zone)
        dag = DAG("d", start_date=start, schedule=schedule, catchup=True)
        only = LatestOnlyOperator(task_id="t", dag=dag)
        only >> EmptyOperator(task_id="after", dag=dag)
        at_now = pendulum.parse(now)
        interval = dag.infer_automated_data_interval(at_now.subtract(days=days))
        if schedule and schedule != "@once":
            interval = dag.timetable.infer_manual_data_interval(
                run_after=at_now.subtract(days=days)
            )
        for external in (False, True):
            run = mock.Mock(external_trigger=external)
            with mock.patch("pendulum.now", lambda _: at_now):
                dag.get_run_data_interval = lambda _: interval
                found = only.choose_branch({"dag_run": run, "dag": dag, "task": only})
            rows.append([name, zone, now, text(interval.end), external, found])
    return rows


def poked(sensor, now, context):
    clock, _ = at(now)
    with clock:
        return bool(sensor.poke(context))


def sensors():
    found: dict[str, list[object]] = {}
    for zone, now in itertools.product(ZONES, NOWS):
        dag = make_dag(zone)
        for moment in MOMENTS:
            sensor = DateTimeSensor(task_id=f"m{len(dag.tasks)}", dag=dag, target_time=moment)
            found.setdefault("DateTimeSensor", []).append(
                [zone, now, moment, poked(sensor, now, {})]
            )
        for target in TIMES:
            sensor = TimeSensor(task_id=f"t{len(dag.tasks)}", dag=dag, target_time=target)
            row = [zone, now, text(target), poked(sensor, now, {})]
            found.setdefault("TimeSensor", []).append(row)
        for hours in (-1, 0, 9):
            sensor = TimeDeltaSensor(
                task_id=f"d{len(dag.tasks)}", dag=dag, delta=timedelta(hours=hours)
            )
            context = {"data_interval_end": pendulum.parse(NOWS[0])}
            row = [zone, now, hours, poked(sensor, now, context)]
            found.setdefault("TimeDeltaSensor", []).append(row)
        for days in DAYS:
            sensor = DayOfWeekSensor(task_id=f"w{len(dag.tasks)}", dag=dag, week_day=days)
            found.setdefault("DayOfWeekSensor", []).append(
                [zone, now, days, poked(sensor, now, {})]
            )
    return found


def main(output: Path) -> None:
    data = {
        "airflow": "2.10.5",
        "BranchDateTimeOperator": date_branches(),
        "BranchDayOfWeekOperator": day_branches(),
        "LatestOnlyOperator": latest_only(),
        **sensors(),
    }
    lines = []
    for name, rows in data.items():
        body = json.dumps(rows)
        if isinstance(rows, list):
            body = "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n ]"
        lines.append(f' "{name}": {body}')
    (output / "branches.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
