"""The dates of runs of `dags test`, which have a mark in their microseconds: see `test_runs`."""

from __future__ import annotations

from airflow_lite.states import DagRunType

#: So many marks there are for each date.
MARKS = 1000


def date_us(run_type: str, stored_us: int) -> int:
    """Return the logical date of a run, from the one that its row has."""
    return stored_us - stored_us % MARKS if run_type == DagRunType.TEST else stored_us
