"""Runs of `dags test`: of a type of their own, and beside any other run of the same date.

A DAG has one run for each logical date, and a test must neither replace one nor take the place of
one to come. So the row of a test has its date to the millisecond and, in the microseconds, a mark
that no other run has; what reads the row takes the mark off again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.clock import iso
from airflow_lite.errors import DagRunAlreadyExists
from airflow_lite.states import DagRunType
from airflow_lite.store.schema import dag_run
from airflow_lite.store.test_dates import MARKS, date_us

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

#: The condition that a run is none of `dags test`: one to go by, in "the run before".
IS_NO_TEST = dag_run.c.run_type != str(DagRunType.TEST)


def date_of(run: RowMapping | dict[str, Any]) -> int:
    """Return the logical date of a run's row."""
    return date_us(run["run_type"], run["logical_us"])


def run_id_of(logical_us: int) -> str:
    """Return the id of the test of a date; a later test of it replaces an earlier one."""
    # It begins as in Airflow, which DAGs go by, and ends as no other run's does.
    return f"{DagRunType.MANUAL}__{iso(date_us(DagRunType.TEST, logical_us))}__test"


def is_test_of(logical_us: int) -> sa.ColumnElement[bool]:
    """Return the condition that a run is the test of a date."""
    first = date_us(DagRunType.TEST, logical_us)
    return sa.and_(~IS_NO_TEST, dag_run.c.logical_us.between(first, first + MARKS - 1))


def free_us(connection: sa.Connection, dag_id: str, logical_us: int) -> int:
    """Return the date that the row of a new test gets; raise `DagRunAlreadyExists` if all are."""
    first = date_us(DagRunType.TEST, logical_us)
    query = sa.select(dag_run.c.logical_us).where(
        dag_run.c.dag_id == dag_id, dag_run.c.logical_us.between(first, first + MARKS - 1)
    )
    taken = set(connection.execute(query).scalars())
    free = next((at for at in range(first + 1, first + MARKS) if at not in taken), None)
    if free is None:
        raise DagRunAlreadyExists(
            f"DAG {dag_id!r} has runs for every microsecond of {iso(first)}. Choose another date."
        )
    return free
