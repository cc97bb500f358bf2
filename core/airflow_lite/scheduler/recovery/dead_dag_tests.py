"""Runs of a `dags test` whose process is gone, as after kill -9: nobody else would end them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.clock import SystemClock
from airflow_lite.processes.recorded import is_gone
from airflow_lite.store import jobs, scheduling

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite.clock import Clock
    from airflow_lite.config import Config
    from airflow_lite.store.engine import Store


def fail_dead_tests(config: Config, store: Store, clock: Clock | None = None) -> None:
    """Fail the runs of every `dags test` that died on this machine, with what ran of them.

    Writes nothing where there is none.
    """
    with store.read() as connection:
        if not _dead(config, connection):
            return
    with store.begin() as connection:
        now_us = (clock or SystemClock()).now_us()
        ids = _dead(config, connection)
        jobs.end_jobs(connection, ids, state="failed", now_us=now_us)
        scheduling.abandon_runs(
            connection,
            jobs.runs_of_jobs(connection, ids),
            now_us,
            "the process that ran this run is dead",
        )


def _dead(config: Config, connection: sa.Connection) -> list[int]:
    here = config.hostname
    return [row.id for row in jobs.running_jobs(connection, "dags_test") if is_gone(row, here)]
