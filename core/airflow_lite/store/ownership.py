"""Which scheduler owns which DAG, with all its runs: `dag.owner_job_id`, while that job runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from airflow_lite.store import doorbell
from airflow_lite.store.batches import chunks
from airflow_lite.store.schema import dag, job

if TYPE_CHECKING:
    from collections.abc import Collection

_IS_SCHEDULED = sa.and_(dag.c.is_active, sa.not_(dag.c.is_paused))
_HAS_OWNER = (
    sa.exists().where(job.c.id == dag.c.owner_job_id, job.c.state == "running").correlate(dag)
)
_COUNTS = (
    sa.select(
        job.c.id,
        sa.func.sum(sa.case((_IS_SCHEDULED, 1), else_=0)).label("scheduled"),
        sa.func.count().label("total"),
    )
    .select_from(
        dag.outerjoin(job, sa.and_(job.c.id == dag.c.owner_job_id, job.c.state == "running"))
    )
    .group_by(job.c.id)
)


class DagCount(NamedTuple):
    """How many DAGs: those that are neither paused nor gone, and all."""

    scheduled: int = 0
    total: int = 0


def owned_counts(connection: sa.Connection) -> dict[int | None, DagCount]:
    """Return the job of an owner -> how many DAGs it owns; None: how many have no owner."""
    return {row.id: DagCount(row.scheduled, row.total) for row in connection.execute(_COUNTS)}


def claim_dags(connection: sa.Connection, job_id: int, most_scheduled: int) -> list[str]:
    """Make a job the owner of DAGs that have none; return their ids.

    At most so many that are scheduled, and all that are paused or gone, which cost nothing. A row
    that another writer holds is left for the next time.
    """
    unowned = sa.select(dag.c.dag_id).where(~_HAS_OWNER).order_by(dag.c.dag_id)
    unowned = unowned.with_for_update(of=dag, skip_locked=True)
    scheduled = unowned.where(_IS_SCHEDULED).limit(max(most_scheduled, 0))
    others = unowned.where(sa.not_(_IS_SCHEDULED))
    ids = [row.dag_id for query in (scheduled, others) for row in connection.execute(query)]
    for some in chunks(ids):
        connection.execute(dag.update().where(dag.c.dag_id.in_(some)).values(owner_job_id=job_id))
    return ids


def release_dags(
    connection: sa.Connection, job_id: int, dag_ids: Collection[str] | None = None
) -> None:
    """Let go of these DAGs that a job owns, or of all, and wake who may claim them."""
    owned = dag.update().where(dag.c.owner_job_id == job_id).values(owner_job_id=None)
    if dag_ids is None:
        connection.execute(owned)
    for some in chunks(dag_ids or ()):
        connection.execute(owned.where(dag.c.dag_id.in_(some)))
    doorbell.ring(connection)
