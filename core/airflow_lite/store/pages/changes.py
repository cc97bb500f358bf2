"""What changed since the last look, so that open pages are told: of which DAGs, and whether."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from airflow_lite.store.schema import UNFINISHED_RUN, dag, dag_file, dag_run, task_event

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

#: Events that one look reads; where there are more, every DAG counts as changed.
_MOST_EVENTS = 5_000


class Look(NamedTuple):
    """What one look saw: the newest event, the unfinished runs, and marks of all else."""

    event_id: int
    runs: frozenset[tuple[int, str, str, int]]  # row id, DAG id, state, row version
    dags: tuple[int, ...]


def look(connection: sa.Connection) -> Look:
    """Return what there is now."""
    newest = connection.execute(sa.select(sa.func.max(task_event.c.id))).scalar() or 0
    columns = (dag_run.c.id, dag_run.c.dag_id, dag_run.c.state, dag_run.c.row_version)
    rows = connection.execute(sa.select(*columns).where(UNFINISHED_RUN))
    runs = frozenset((row[0], row[1], row[2], row[3]) for row in rows)
    broken = sa.select(sa.func.count()).where(dag_file.c.error.is_not(None)).scalar_subquery()
    marks = connection.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(dag.c.row_version), 0),
            sa.func.coalesce(sa.func.sum(dag.c.version_id), 0),
            sa.func.count(),
            broken,
        )
    ).one()
    return Look(newest, runs, tuple(int(mark) for mark in marks))


def changed_dags(connection: sa.Connection, before: Look, now: Look) -> AbstractSet[str] | None:
    """Return the DAGs whose runs or tasks changed between two looks; None: any may have."""
    if before.dags != now.dags or now.event_id - before.event_id > _MOST_EVENTS:
        return None
    names = {dag_id for _, dag_id, _, _ in before.runs ^ now.runs}
    if now.event_id > before.event_id:
        query = (
            sa.select(dag_run.c.dag_id)
            .join(task_event, task_event.c.dag_run_id == dag_run.c.id)
            .where(task_event.c.id > before.event_id, task_event.c.id <= now.event_id)
            .distinct()
        )
        names.update(connection.execute(query).scalars())
    return names
