"""What the pages of one DAG show: its runs with the states of their tasks, and its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from airflow_lite.errors import DagNotFound
from airflow_lite.store import listing
from airflow_lite.store.runs import Row
from airflow_lite.store.schema import dag, dag_file, dag_run, dag_version, task_instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping


def the_dag(connection: sa.Connection, dag_id: str) -> RowMapping:
    """Return the row of a DAG, active or not, and whether its file is broken.

    Raises `DagNotFound`.
    """
    query = (
        sa.select(dag, dag_file.c.error.is_not(None).label("has_import_errors"))
        .outerjoin(dag_file, dag_file.c.path == dag.c.fileloc)
        .where(dag.c.dag_id == dag_id)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        listing.the_dag(connection, dag_id)
        raise DagNotFound
    return row


def newest_runs(
    connection: sa.Connection,
    dag_id: str,
    most: int,
    *,
    before_us: int | None = None,
    state: str | None = None,
) -> Sequence[RowMapping]:
    """Return up to `most` runs of a DAG, the latest logical date first, of those before a date."""
    query = sa.select(dag_run).where(dag_run.c.dag_id == dag_id)
    if before_us is not None:
        query = query.where(dag_run.c.logical_us < before_us)
    if state is not None:
        query = query.where(dag_run.c.state == state)
    return (
        connection.execute(query.order_by(dag_run.c.logical_us.desc()).limit(most)).mappings().all()
    )


def cells(
    connection: sa.Connection, dag_run_ids: Sequence[int], task_ids: Sequence[str] | None = None
) -> Sequence[Row]:
    """Return for each run, task and state how many instances there are, and the first one's id.

    `task_ids` None: of all tasks.
    """
    columns = (task_instance.c.dag_run_id, task_instance.c.task_id, task_instance.c.state)
    count = sa.func.count().label("count")
    query = (
        sa.select(
            *columns, count, sa.func.min(task_instance.c.id), sa.func.max(task_instance.c.map_index)
        )
        .where(task_instance.c.dag_run_id.in_(list(dag_run_ids)))
        .group_by(*columns)
    )
    if task_ids is not None:
        query = query.where(task_instance.c.task_id.in_(list(task_ids)))
    return connection.execute(query).all()


def task_states(
    connection: sa.Connection, dag_run_ids: Sequence[int], task_ids: Sequence[str] | None = None
) -> Sequence[Row]:
    """Return which tasks are in which state in each run, in few rows; `task_ids` None: of all.

    A row is of a run, a state, and either the ids of tasks, joined by commas, or a mapped task and
    how many of its instances are in that state.
    """
    is_mapped = task_instance.c.map_index >= 0
    mapped = sa.case((is_mapped, task_instance.c.task_id)).label("mapped")
    plain = sa.case((~is_mapped, task_instance.c.task_id))
    columns = (task_instance.c.dag_run_id, task_instance.c.state, mapped)
    query = (
        sa.select(*columns, sa.func.count(), sa.func.aggregate_strings(plain, ","))
        .where(task_instance.c.dag_run_id.in_(list(dag_run_ids)))
        .group_by(*columns)
    )
    if task_ids is not None:
        query = query.where(task_instance.c.task_id.in_(list(task_ids)))
    return connection.execute(query).all()


def versions(connection: sa.Connection, dag_id: str, most: int) -> Sequence[RowMapping]:
    """Return the newest versions of a DAG, the newest first, each with its spec as text."""
    query = sa.select(dag_version).where(dag_version.c.dag_id == dag_id)
    newest = query.order_by(dag_version.c.number.desc()).limit(most)
    return connection.execute(newest).mappings().all()


def version_spec(connection: sa.Connection, version_id: int | None) -> str | None:
    """Return the text of a version's spec; None if it is gone."""
    query = sa.select(dag_version.c.spec).where(dag_version.c.id == version_id)
    text: str | None = connection.execute(query).scalar()
    return text


def instance_place(connection: sa.Connection, instance_id: int) -> RowMapping | None:
    """Return DAG id, run id, task id and map index of a task instance; None if it is gone."""
    query = (
        sa.select(
            dag_run.c.dag_id, dag_run.c.run_id, task_instance.c.task_id, task_instance.c.map_index
        )
        .join(dag_run, dag_run.c.id == task_instance.c.dag_run_id)
        .where(task_instance.c.id == instance_id)
    )
    return connection.execute(query).mappings().first()
