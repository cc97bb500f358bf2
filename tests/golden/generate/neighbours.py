"""Write neighbours.json: prev_execution_date and next_execution_date of Airflow 2.10.5.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    AIRFLOW_HOME=$(mktemp -d) python neighbours.py OUTPUT_FOLDER

As `taskinstance._get_template_context` asks for them, of a run that is not externally triggered:
`dag.previous_schedule(logical)` and `dag.next_dagrun_info(interval, restricted=False)`. The
interval is that of a scheduled run at `logical`, else (`manual`) what the timetable infers.
"""

from __future__ import annotations

import json
import sys
import warnings
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pendulum
from airflow import DAG
from airflow.timetables.base import DataInterval

SCHEDULES = {
    "None": None,
    "@once": "@once",
    "@daily": "@daily",
    "@hourly": "@hourly",
    "0 6 * * 1-5": "0 6 * * 1-5",
    "30 2 * * *": "30 2 * * *",
    "0 0 1 * *": "0 0 1 * *",
    "21600": timedelta(hours=6),
}
ZONES = ("UTC", "Europe/Berlin", "America/New_York")
# A Friday and a Monday, month ends, a leap day, both changes of the clock, off every schedule.
LOGICAL = (
    "2024-03-01T05:00:00",
    "2024-03-04T05:00:00",
    "2024-02-29T23:00:00",
    "2024-03-31T00:30:00",
    "2024-10-27T00:30:00",
    "2024-11-03T06:00:00",
    "2024-05-07T13:17:42",
)


def rows() -> list[dict[str, object]]:
    return [
        row(name, schedule, zone, logical, manual=manual)
        for name, schedule in SCHEDULES.items()
        for zone in ZONES
        for logical in LOGICAL
        for manual in (False, True)
    ]


def row(name: str, schedule: object, zone: str, text: str, *, manual: bool) -> dict[str, object]:
    start = pendulum.datetime(2020, 1, 1, tz=zone)
    dag = DAG("d", start_date=start, schedule=schedule, catchup=True)
    logical = pendulum.instance(datetime.fromisoformat(text).replace(tzinfo=timezone.utc))
    interval = dag.timetable.infer_manual_data_interval(run_after=logical)
    if not manual and schedule not in (None, "@once"):
        following = dag.timetable._get_next(logical)  # noqa: SLF001 - the interval's end
        interval = DataInterval(logical, following)
    after = dag.next_dagrun_info(interval, restricted=False)
    return {
        "schedule": name,
        "timezone": zone,
        "logical": text,
        "manual": manual,
        "interval": [spelled(interval.start), spelled(interval.end)],
        "previous": spelled(dag.previous_schedule(logical)),
        "next": spelled(after and after.logical_date),
    }


def spelled(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat()


def main(output: Path) -> None:
    warnings.simplefilter("ignore")
    found = rows()
    keys = list(found[0])
    lines = ",\n".join("  " + json.dumps([row[key] for key in keys]) for row in found)
    head = f' "airflow": "2.10.5",\n "columns": {json.dumps(keys)},\n'
    (output / "neighbours.json").write_text("{\n" + head + f' "rows": [\n{lines}\n ]\n}}\n')


if __name__ == "__main__":
    main(Path(sys.argv[1]))
