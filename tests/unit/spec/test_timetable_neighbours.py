"""prev_execution_date and next_execution_date are those of Airflow 2.10.5."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from airflow_lite.clock import from_us, to_us
from airflow_lite.spec.model import DagSpec
from airflow_lite.spec.timetable import neighbours, schedule_spec

SPECIAL = {"None": None, "21600": timedelta(hours=6)}


def us(text):
    return to_us(datetime.fromisoformat(text))


def spelled(moment_us):
    return None if moment_us is None else from_us(moment_us).replace(tzinfo=None).isoformat()


def test_the_schedules_dates_before_and_after_a_run_are_airflows(golden):
    table = golden("neighbours")
    seen: Counter[Any] = Counter()
    for values in table["rows"]:
        row = dict(zip(table["columns"], values, strict=True))
        schedule = schedule_spec(SPECIAL.get(row["schedule"], row["schedule"]))
        dag = DagSpec("d", schedule=schedule, timezone=row["timezone"])
        before, after = neighbours(dag, us(row["logical"]), us(row["interval"][1]))
        assert (spelled(before), spelled(after)) == (row["previous"], row["next"]), row
        seen[before is None] += 1
    assert min(seen[True], seen[False]) > 80
