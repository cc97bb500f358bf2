"""Runs of a `dags test` whose process is gone, as after kill -9: nobody else would end them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.clock import SystemClock
from airflow_lite.scheduler.ownership import boot_id, hostname
from airflow_lite.scheduler.processes import start_of
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
        ids = [row.id for row in _dead(config, connection)]
        jobs.fail_jobs(connection, ids, now_us)
        scheduling.abandon_runs(
            connection,
            jobs.runs_of_jobs(connection, ids),
            now_us,
            "the process that ran this run is dead",
        )


def _dead(config: Config, connection: sa.Connection) -> list[Any]:
    here = hostname(config)
    running = jobs.running_jobs(connection, "dags_test")
    return [row for row in running if row.hostname == here and _is_gone(row)]


def _is_gone(row: Any) -> bool:
    """Tell whether the process of a job of this machine is not there any more."""
    if row.boot_id != boot_id():
        return True
    started = start_of(row.pid)
    return started is None or started != row.process_start
