"""What the first page shows: DAGs with their newest runs, and what failed of late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.store.schema import (
    UNFINISHED_RUN,
    dag,
    dag_file,
    dag_run,
    task_event,
    task_instance,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping

#: Runs that a DAG is shown with.
MOST_RUNS = 14
_FIELDS = ("dag_id", "is_paused", "description", "owners", "tags", "schedule", "fileloc")
_TIMES = ("timetable_description", "next_logical_us", "next_create_after_us")


class Filter(NamedTuple):
    """Which DAGs are shown: those after an id, with these words in id or tags, in this state."""

    after: str = ""
    text: str = ""
    kind: str = "all"  # all, active, paused, failed, running
    most: int = 50


def dags(connection: sa.Connection, wanted: Filter) -> Sequence[RowMapping]:
    """Return up to one DAG more than wanted, by id, with the error of its file."""
    columns = [dag.c[name] for name in (*_FIELDS, *_TIMES)]
    query = (
        sa.select(*columns, dag_file.c.error.is_not(None).label("is_broken"))
        .outerjoin(dag_file, dag_file.c.path == dag.c.fileloc)
        .where(dag.c.is_active, dag.c.dag_id > wanted.after)
        .order_by(dag.c.dag_id)
        .limit(wanted.most + 1)
    )
    if wanted.text:
        matches = [
            column.icontains(wanted.text, autoescape=True) for column in (dag.c.dag_id, dag.c.tags)
        ]
        query = query.where(sa.or_(*matches))
    condition = _CONDITIONS.get(wanted.kind)
    query = query if condition is None else query.where(condition)
    return connection.execute(query).mappings().all()


def counts(connection: sa.Connection) -> dict[str, int]:
    """Return how many DAGs there are of each kind of `Filter`."""
    sums = [sa.func.count().label("all")]
    for name, condition in _CONDITIONS.items():
        sums.append(sa.func.sum(sa.case((condition, 1), else_=0)).label(name))
    row = connection.execute(sa.select(*sums).where(dag.c.is_active)).mappings().one()
    return {name: int(value or 0) for name, value in row.items()}


def _newest_state() -> sa.ScalarSelect[Any]:
    query = sa.select(dag_run.c.state).where(dag_run.c.dag_id == dag.c.dag_id)
    return query.order_by(dag_run.c.logical_us.desc()).limit(1).correlate(dag).scalar_subquery()


_CONDITIONS: dict[str, sa.ColumnElement[bool]] = {
    "active": dag.c.is_paused.is_(sa.false()),
    "paused": dag.c.is_paused.is_(sa.true()),
    "failed": _newest_state() == "failed",
    "running": sa.exists().where(dag_run.c.dag_id == dag.c.dag_id, UNFINISHED_RUN).correlate(dag),
}


def newest_runs(connection: sa.Connection, dag_ids: Sequence[str]) -> Sequence[RowMapping]:
    """Return up to `MOST_RUNS` runs of each of these DAGs, the latest logical date first."""
    newest = dag_run.alias("newest")
    ids = (
        sa.select(newest.c.id)
        .where(newest.c.dag_id == dag.c.dag_id)
        .order_by(newest.c.logical_us.desc())
        .limit(MOST_RUNS)
        .correlate(dag)
    )
    names = ("dag_id", "run_id", "state", "logical_us", "queued_us", "start_us", "end_us")
    query = (
        sa.select(*(dag_run.c[name] for name in names))
        .select_from(dag)
        .join(dag_run, dag_run.c.id.in_(ids))
        .where(dag.c.dag_id.in_(list(dag_ids)))
        .order_by(dag_run.c.dag_id, dag_run.c.logical_us.desc())
    )
    return connection.execute(query).mappings().all()


def limits(connection: sa.Connection, dag_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return how many runs of each of these DAGs are queued and running, where any are."""
    query = (
        sa.select(dag_run.c.dag_id, dag_run.c.state, sa.func.count())
        .where(dag_run.c.dag_id.in_(list(dag_ids)), UNFINISHED_RUN)
        .group_by(dag_run.c.dag_id, dag_run.c.state)
    )
    found: dict[str, dict[str, int]] = {}
    for dag_id, state, count in connection.execute(query):
        found.setdefault(dag_id, {})[state] = count
    return {name: (by.get("queued", 0), by.get("running", 0)) for name, by in found.items()}


def failures(connection: sa.Connection, since_us: int, most: int) -> Sequence[RowMapping]:
    """Return the task instances that failed since then, the latest first, each with its cause."""
    newest = (
        sa.select(task_event)
        .where(task_event.c.at_us >= since_us, task_event.c.to_state == "failed")
        .order_by(task_event.c.at_us.desc())
        .limit(most)
        .subquery()
    )
    query = (
        sa.select(
            newest, dag_run.c.dag_id, dag_run.c.run_id, task_instance.c.state.label("state_now")
        )
        .join(dag_run, dag_run.c.id == newest.c.dag_run_id)
        .join(task_instance, task_instance.c.id == newest.c.task_instance_id)
        .order_by(newest.c.at_us.desc(), newest.c.id.desc())
    )
    return connection.execute(query).mappings().all()
