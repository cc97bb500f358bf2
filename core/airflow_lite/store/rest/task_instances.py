"""Task instances, and the tries that they had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from airflow_lite.clock import US_PER_S
from airflow_lite.store.batches import is_one_of, select_many
from airflow_lite.store.rest.paging import Page, Range, Window, any_of, first, ordered, page, within
from airflow_lite.store.schema import (
    attempt,
    dag_run,
    dag_version,
    job,
    rendered_fields,
    task_instance,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ti = task_instance.c
_DURATION_US = _ti.end_us - _ti.start_us
#: What the instances of a mapped task can be ordered by, then by their index.
ORDER: dict[str, sa.ColumnElement[Any]] = {
    "map_index": _ti.map_index,
    "state": _ti.state,
    "duration": _DURATION_US,
    "start_date": _ti.start_us,
    "end_date": _ti.end_us,
}
_SPECS = sa.select(dag_version.c.id, dag_version.c.spec).where(is_one_of(dag_version.c.id))

_JOBS = sa.select(job).where(is_one_of(job.c.id))


class InstanceFilter(NamedTuple):
    """Which task instances are asked for; None: whatever they have."""

    dag_ids: Sequence[str] | None = None
    run_ids: Sequence[str] | None = None
    task_ids: Sequence[str] | None = None
    #: None among them: no state yet.
    states: Sequence[str | None] | None = None
    pools: Sequence[str] | None = None
    queues: Sequence[str] | None = None
    executors: Sequence[str] | None = None
    logical_us: Range | None = None
    start_us: Range | None = None
    end_us: Range | None = None
    duration_s: Range | None = None
    changed_us: Range | None = None
    #: Whether the rows that stand for a mapped task before it is expanded are left out.
    is_mapped: bool = False


def instances(
    connection: sa.Connection,
    chosen: InstanceFilter,
    window: Window,
    order_by: str | None = None,
) -> Page:
    """Return a page of task instances, with `dag_id`, `run_id` and `logical_us` of their runs.

    And with `fields`, the JSON of what was rendered. In the order in which they were made, or by
    one of `ORDER`; raises `KeyError` for another.
    """
    order = [_ti.id] if order_by is None else ordered(ORDER, order_by, _ti.map_index)
    return page(connection, _filtered(_with_run(), chosen), window, order)


def is_mapped(connection: sa.Connection, dag_id: str, run_id: str, task_id: str) -> bool:
    """Whether a task has instances by map index in a run."""
    query = (
        sa.select(_ti.id)
        .join(dag_run, dag_run.c.id == _ti.dag_run_id)
        .where(*_is(dag_id, run_id, task_id), _ti.map_index >= 0)
    )
    return connection.execute(query.limit(1)).first() is not None


def instance_of_index(
    connection: sa.Connection, dag_id: str, run_id: str, task_id: str, map_index: int
) -> dict[str, Any] | None:
    """Return one task instance, as `instances` does; None if there is none."""
    query = _with_run().where(*_is(dag_id, run_id, task_id), _ti.map_index == map_index)
    return first(connection, query)


def _is(dag_id: str, run_id: str, task_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return dag_run.c.dag_id == dag_id, dag_run.c.run_id == run_id, _ti.task_id == task_id


def _with_run() -> sa.Select[Any]:
    return (
        sa.select(
            task_instance,
            dag_run.c.dag_id,
            dag_run.c.run_id,
            dag_run.c.run_type,
            dag_run.c.logical_us,
            rendered_fields.c.fields,
        )
        .join(dag_run, dag_run.c.id == _ti.dag_run_id)
        .outerjoin(rendered_fields, rendered_fields.c.task_instance_id == _ti.id)
    )


def _filtered(query: sa.Select[Any], chosen: InstanceFilter) -> sa.Select[Any]:
    lists: Sequence[tuple[sa.ColumnElement[Any], Sequence[Any] | None]] = (
        (dag_run.c.dag_id, chosen.dag_ids),
        (dag_run.c.run_id, chosen.run_ids),
        (_ti.task_id, chosen.task_ids),
        (_ti.state, chosen.states),
        (_ti.pool, chosen.pools),
        (_ti.queue, chosen.queues),
        (_ti.executor, chosen.executors),
    )
    for column, values in lists:
        query = any_of(query, column, values)
    ranges: Sequence[tuple[sa.ColumnElement[Any], Range | None]] = (
        (dag_run.c.logical_us, chosen.logical_us),
        (_ti.start_us, chosen.start_us),
        (_ti.end_us, chosen.end_us),
        (_ti.changed_at_us, chosen.changed_us),
        (sa.cast(_DURATION_US, sa.Float) / US_PER_S, chosen.duration_s),
    )
    for expression, bounds in ranges:
        query = within(query, expression, bounds)
    return query.where(_ti.map_index >= 0) if chosen.is_mapped else query


def specs(connection: sa.Connection, version_ids: Iterable[int | None]) -> dict[int, str]:
    """Return the specs of versions of DAGs, as JSON, by their ids."""
    wanted = {number for number in version_ids if number is not None}
    return {row.id: row.spec for row in select_many(connection, _SPECS, wanted)}


def triggerers(
    connection: sa.Connection, job_ids: Iterable[int | None]
) -> dict[int, dict[str, Any]]:
    """Return the jobs of triggerers by their ids, of those that are there."""
    wanted = {number for number in job_ids if number is not None}
    return {row.id: row._asdict() for row in select_many(connection, _JOBS, wanted)}


def attempts(connection: sa.Connection, instance_row_id: int) -> list[dict[str, Any]]:
    """Return the attempts of a task instance, try by try, each in the order of their begin."""
    query = sa.select(attempt).where(attempt.c.task_instance_id == instance_row_id)
    in_order = query.order_by(attempt.c.try_number, attempt.c.queued_us)
    return [dict(row) for row in connection.execute(in_order).mappings()]
