"""Write own_timetables.json: what Airflow 2.10.5 does with timetables of an author.

Run in an environment of its own, made with
    pip install 'apache-airflow==2.10.5' 'sqlalchemy<2'
and call
    AIRFLOW_HOME=$(mktemp -d) python own_timetables.py OUTPUT_FOLDER

A run is [logical date, start and end of its interval, when it is due], as ISO text.
"""

from __future__ import annotations

import json
import logging
import sys
from itertools import islice
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

import own_timetables as own
from airflow import DAG, plugins_manager
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.utils import timezone

NOW = "2024-06-12T10:00:00+00:00"
CASES = {
    "workdays": ("WorkdayTimetable(6)", {"catchup": True}),
    "workdays, no catchup": ("WorkdayTimetable(6)", {"catchup": False}),
    "workdays until": ("WorkdayTimetable()", {"catchup": True, "end_date": "2024-05-30"}),
    "growing": ("GrowingTimetable()", {"catchup": True}),
    "never": ("NeverTimetable()", {"catchup": True}),
    "failing": ("FailingTimetable()", {"catchup": True}),
    "later": ("LaterTimetable('0 6 * * *', timezone='UTC')", {"catchup": True}),
}
START = "2024-05-24T12:00:00+00:00"
MOST = 8


def main(folder: str) -> None:
    """Write the file."""
    logging.disable(logging.CRITICAL)
    names = [name for name in vars(own) if name.endswith("Timetable") and name != "Timetable"]
    classes = {f"own_timetables.{name}": getattr(own, name) for name in names}
    rows = {}
    own.now = lambda: timezone.parse(NOW)
    with mock.patch.object(plugins_manager, "timetable_classes", classes):
        plugins_manager.initialize_timetables_plugins = lambda: None
        for title, (text, arguments) in CASES.items():
            rows[title] = {"timetable": text, "arguments": arguments, **answers(text, arguments)}
    found = {"now": NOW, "start": START, "cases": rows}
    Path(folder, "own_timetables.json").write_text(json.dumps(found, indent=1) + "\n")


def answers(text, arguments):
    """Return what a DAG with a timetable answers, once it was serialised and read again."""
    dates = {
        name: timezone.parse(value) if name == "end_date" else value
        for name, value in arguments.items()
    }
    dag = DAG("d", schedule=eval(text, vars(own)), start_date=timezone.parse(START), **dates)
    dag = SerializedDAG.from_dict(SerializedDAG.to_dict(dag))
    timetable = dag.timetable
    return {
        "summary": timetable.summary,
        "description": timetable.description,
        "can_be_scheduled": timetable.can_be_scheduled,
        "runs": [row(info) for info in islice(runs(dag), MOST)],
        "after": after(dag),
        "manual": manual(timetable),
        "between": [row(info) for info in between(dag)],
    }


def runs(dag):
    """Yield the runs that a scheduler makes, one after the other."""
    info = dag.next_dagrun_info(None)
    while info is not None:
        yield info
        info = dag.next_dagrun_info(info.data_interval)


def after(dag):
    """Return the next logical date of a run, whatever the DAG's dates."""
    first = dag.next_dagrun_info(None)
    info = first and dag.next_dagrun_info(first.data_interval, restricted=False)
    return info and info.logical_date.isoformat()


def between(dag):
    """Return the runs of a backfill."""
    first, last = timezone.parse("2024-05-29"), timezone.parse("2024-06-04")
    return list(islice(dag.iter_dagrun_infos_between(first, last), MOST))


def manual(timetable):
    """Return the intervals of runs by hand."""
    found = {}
    for text in ("2024-06-12T10:00:00+00:00", "2024-06-09T05:00:00+00:00"):
        try:
            interval = timetable.infer_manual_data_interval(run_after=timezone.parse(text))
        except RuntimeError as error:
            found[text] = str(error)
        else:
            found[text] = [interval.start.isoformat(), interval.end.isoformat()]
    return found


def row(info):
    """Return a run as text."""
    moments = (info.logical_date, *info.data_interval, info.run_after)
    return [moment.isoformat() for moment in moments]


if __name__ == "__main__":
    main(sys.argv[1])
