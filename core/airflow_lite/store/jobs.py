"""Jobs: one row per scheduler, `dags test` or backfill, with the only lease there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.errors import UserError
from airflow_lite.store.batches import is_one_of
from airflow_lite.store.runs import Row, new_id
from airflow_lite.store.schema import UNFINISHED_RUN, dag_run, job, pool

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class LeaseLost(UserError):
    """Another scheduler took over, since this one was silent for too long. Start it again."""


def database_now_us(connection: sa.Connection) -> sa.ColumnElement[int]:
    """Return an expression for the database's own clock, in microseconds."""
    if connection.dialect.name == "sqlite":
        # To the millisecond: a double holds no more of a Julian day.
        text = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000"
    else:
        text = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
    return sa.literal_column(text, sa.BigInteger)


def start_job(
    connection: sa.Connection,
    *,
    kind: str,
    hostname: str,
    pid: int,
    boot_id: str | None,
    process_start: int | None,
    executor: str,
    now_us: int,
) -> int:
    """Insert a running job and return its id."""
    row = {
        "kind": kind,
        "state": "running",
        "hostname": hostname,
        "pid": pid,
        "boot_id": boot_id,
        "process_start": process_start,
        "executor": executor,
        "start_us": now_us,
        "latest_beat_us": database_now_us(connection),
    }
    return new_id(connection.execute(job.insert().values(row)))


def lock_jobs(connection: sa.Connection) -> None:
    """Let no other transaction begin or end a job until this one is over."""
    if connection.dialect.name == "postgresql":  # SQLite's writers are alone anyway
        connection.exec_driver_sql("LOCK TABLE job IN SHARE ROW EXCLUSIVE MODE")


_HELD = (
    sa.select(job.c.id)
    .where(job.c.id == sa.bindparam("job_id"), job.c.state == "running")
    .with_for_update(read=True)
)
_LOCKED_POOLS = (
    sa.select(pool.c.name)
    .where(is_one_of(pool.c.name), pool.c.slots >= 0)
    .order_by(pool.c.name)
    .with_for_update(key_share=True)
    .cte("locked")
)
_HELD_WITH_POOLS = sa.select(
    _HELD.cte("held").c.id,
    sa.select(sa.func.count(_LOCKED_POOLS.c.name)).scalar_subquery(),
)


def hold(connection: sa.Connection, job_id: int, pools: Collection[str] = ()) -> bool:
    """Let nobody end a job, nor take slots of these pools, before this transaction is over.

    False if the job is not running any more. What the pools have taken is to be read after it.
    """
    query = _HELD_WITH_POOLS if pools else _HELD
    parameters = {"job_id": job_id, **({"ids": sorted(pools)} if pools else {})}
    return connection.execute(query, parameters).first() is not None


def beat(connection: sa.Connection, job_id: int, **columns: object) -> bool:
    """Renew a job's lease by the database's clock; False if the job is not running any more.

    `columns` are what else its row is to say: takes_dags, open_slots, taken_slots.
    """
    query = job.update().where(job.c.id == job_id, job.c.state == "running")
    values = {"latest_beat_us": database_now_us(connection), **columns}
    return connection.execute(query.values(values)).rowcount == 1


def end_jobs(connection: sa.Connection, ids: Iterable[int], *, state: str, now_us: int) -> None:
    """Record that running jobs ended as `success` or `failed`."""
    query = job.update().where(job.c.id.in_(list(ids)), job.c.state == "running")
    connection.execute(query.values(state=state, end_us=now_us))


def end_silent(connection: sa.Connection, suspects: Iterable[Row], now_us: int) -> list[int]:
    """End as failed those of these running jobs that have not beaten since; return their ids.

    One whose row somebody holds is left for the next time.
    """
    beats = {row.id: row.latest_beat_us for row in suspects}
    query = sa.select(job.c.id, job.c.latest_beat_us).where(
        job.c.id.in_(beats), job.c.state == "running"
    )
    held = connection.execute(query.with_for_update(skip_locked=True))
    ids = [row.id for row in held if row.latest_beat_us == beats[row.id]]
    end_jobs(connection, ids, state="failed", now_us=now_us)
    return ids


def running_jobs(
    connection: sa.Connection, kind: str | None = None, *, hostname: str | None = None
) -> list[Row]:
    """Return the jobs whose state is running, of a kind and of a host if given.

    The oldest beat first; `silent_us` is the time since, by the database's clock.
    """
    query = _of_state(connection, "running", kind)
    if hostname is not None:
        query = query.where(job.c.hostname == hostname)
    return list(connection.execute(query.order_by(job.c.latest_beat_us, job.c.id)))


def _of_state(connection: sa.Connection, state: str, kind: str | None) -> sa.Select[Any]:
    since = (database_now_us(connection) - job.c.latest_beat_us).label("silent_us")
    query = sa.select(job, since).where(job.c.state == state)
    return query if kind is None else query.where(job.c.kind == kind)


def jobs_of_state(
    connection: sa.Connection, state: str, *, kind: str | None = None, limit: int | None = None
) -> list[Row]:
    """Return the jobs in a state as `running_jobs` does, the latest first."""
    query = _of_state(connection, state, kind).order_by(job.c.id.desc()).limit(limit)
    return list(connection.execute(query))


def runs_of_jobs(connection: sa.Connection, ids: Iterable[int]) -> list[int]:
    """Return the row ids of the unfinished runs that these jobs were running by themselves."""
    query = sa.select(dag_run.c.id).where(UNFINISHED_RUN, dag_run.c.job_id.in_(list(ids)))
    return list(connection.execute(query).scalars())
