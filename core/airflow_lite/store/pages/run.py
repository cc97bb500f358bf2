"""What the pages of one run and of one task show: instances, attempts, fields, XComs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.store.batches import is_one_of, select_many
from airflow_lite.store.schema import attempt, dag_run, rendered_fields, task_instance, xcom

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import RowMapping

_PLACED = sa.select(task_instance, dag_run.c.run_id, dag_run.c.logical_us).join(
    dag_run, dag_run.c.id == task_instance.c.dag_run_id
)
_ATTEMPT = (
    "token",
    "task_instance_id",
    "try_number",
    "hostname",
    "pid",
    "queued_us",
    "claimed_us",
    "ended_us",
    "outcome",
    "accepted",
    "cause",
    "exit_code",
    "max_rss_kb",
    "cpu_us",
)
#: Attempts of a task instance that a page shows: a sensor may have made thousands.
MOST_ATTEMPTS = 200


def instances(
    connection: sa.Connection, dag_run_id: int, most: int, first: int
) -> Sequence[RowMapping]:
    """Return up to `most` task instances of a run from the `first` on, the earliest start first."""
    start = sa.func.coalesce(task_instance.c.start_us, task_instance.c.queued_us)
    query = (
        sa.select(task_instance)
        .where(task_instance.c.dag_run_id == dag_run_id)
        .order_by(start.is_(None), start, task_instance.c.id)
        .limit(most)
        .offset(first)
    )
    return connection.execute(query).mappings().all()


def counts(connection: sa.Connection, dag_run_id: int) -> dict[str | None, int]:
    """Return how many task instances of a run are in each state."""
    query = (
        sa.select(task_instance.c.state, sa.func.count().label("count_of"))
        .where(task_instance.c.dag_run_id == dag_run_id)
        .group_by(task_instance.c.state)
    )
    return {row.state: row.count_of for row in connection.execute(query)}


def attempts(connection: sa.Connection, instance_ids: Sequence[int]) -> Sequence[RowMapping]:
    """Return the attempts of these task instances, the oldest first; the newest, if too many."""
    columns = [attempt.c[name] for name in _ATTEMPT]
    query = (
        sa.select(*columns)
        .where(attempt.c.task_instance_id.in_(list(instance_ids)))
        .order_by(attempt.c.queued_us.desc(), attempt.c.token)
        .limit(MOST_ATTEMPTS * max(len(instance_ids), 1))
    )
    return connection.execute(query).mappings().all()[::-1]


def indexes(
    connection: sa.Connection, dag_run_id: int, task_id: str, *, after: int, most: int
) -> Sequence[RowMapping]:
    """Return up to `most` instances of a task with a map index above `after`, by that index."""
    query = (
        sa.select(task_instance)
        .where(
            task_instance.c.dag_run_id == dag_run_id,
            task_instance.c.task_id == task_id,
            task_instance.c.map_index > after,
        )
        .order_by(task_instance.c.map_index)
        .limit(most)
    )
    return connection.execute(query).mappings().all()


def fields(connection: sa.Connection, instance_id: int) -> str | None:
    """Return the rendered fields of a task instance as JSON text; None if it has none."""
    query = sa.select(rendered_fields.c.fields)
    query = query.where(rendered_fields.c.task_instance_id == instance_id)
    text: str | None = connection.execute(query).scalar()
    return text


def xcoms(
    connection: sa.Connection, dag_run_id: int, task_id: str, map_index: int
) -> Sequence[RowMapping]:
    """Return the XComs of a task instance, by key."""
    query = sa.select(xcom).where(
        xcom.c.dag_run_id == dag_run_id, xcom.c.task_id == task_id, xcom.c.map_index == map_index
    )
    return connection.execute(query.order_by(xcom.c.key)).mappings().all()


def states_of(
    connection: sa.Connection, dag_run_id: int, task_ids: Sequence[str]
) -> Sequence[RowMapping]:
    """Return task id, state and how many instances are in it, of these tasks of a run."""
    columns = (task_instance.c.task_id, task_instance.c.state)
    query = (
        sa.select(*columns, sa.func.count().label("count"))
        .where(
            task_instance.c.dag_run_id == dag_run_id, task_instance.c.task_id.in_(list(task_ids))
        )
        .group_by(*columns)
        .order_by(*columns)
    )
    return connection.execute(query).mappings().all()


def chosen(connection: sa.Connection, dag_id: str, ids: Iterable[int]) -> list[RowMapping]:
    """Return task instances of a DAG with run id and logical date; of other DAGs none."""
    query = _PLACED.where(dag_run.c.dag_id == dag_id, is_one_of(task_instance.c.id))
    return _in_order(select_many(connection, query, sorted(set(ids))))


def of_runs(connection: sa.Connection, dag_run_ids: Iterable[int]) -> list[RowMapping]:
    """Return the task instances of these runs, as `chosen` does."""
    query = _PLACED.where(is_one_of(task_instance.c.dag_run_id))
    return _in_order(select_many(connection, query, sorted(set(dag_run_ids))))


def _in_order(rows: Iterable[Any]) -> list[RowMapping]:
    found = [row._mapping for row in rows]  # noqa: SLF001 - SQLAlchemy's own public name
    return sorted(found, key=lambda row: (row["logical_us"], row["id"]))
