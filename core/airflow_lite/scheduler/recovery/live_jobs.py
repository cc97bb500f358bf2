"""Which jobs live: by their beats, and on this machine by their processes too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import US_PER_S
from airflow_lite.processes.proc import is_over, is_this_space
from airflow_lite.processes.recorded import is_gone
from airflow_lite.store import jobs
from airflow_lite.store.engine import revision
from airflow_lite.store.migrate import bare_store
from airflow_lite.store.revision import HEAD

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_lite.config import Config

#: A beat is old after so many seconds at the least: three times what SQLite's schedulers leave
#: between two.
_LEAST_S = 15.0


class Silent(NamedTuple):
    """A job of this machine whose process lives, though it has not beaten for so many seconds."""

    job_id: int
    kind: str
    pid: int
    seconds: int

    def __str__(self) -> str:
        """Say so, and what may be the cause."""
        return (
            f"The {self.kind.replace('_', ' ')} with pid {self.pid} is there, but has not said so"
            f" for {self.seconds} s: it is stopped or held up, or cannot write to the database"
            " (is its disk full?). Its log says more."
        )


class LiveJobs(NamedTuple):
    """Jobs that beat, the latest beat first, and those that live without beating."""

    beating: list[Any]
    silent: list[Silent]

    def __bool__(self) -> bool:
        """Tell whether any job lives."""
        return bool(self.beating or self.silent)

    @property
    def job_ids(self) -> set[int]:
        """The ids of the jobs that live."""
        return {row.id for row in self.beating} | {row.job_id for row in self.silent}


def live_jobs(
    config: Config,
    connection: sa.Connection,
    *,
    kind: str | None = None,
    hostname: str | None = None,
) -> LiveJobs:
    """Return the jobs that live, of a kind and of a host if these are given.

    A job whose process is surely gone does not, however fresh its beat is.
    """
    within_s = max(config.getfloat("scheduler", "lease_timeout_s"), _LEAST_S)
    beating, silent = [], []
    for row in jobs.running_jobs(connection, kind, hostname=hostname):
        is_here = row.hostname == config.hostname and is_this_space(row.boot_id)
        # One that has ended but was not reaped is there still: some containers reap nothing.
        if is_gone(row, config.hostname) or (is_here and row.pid and is_over(row.pid)):
            continue
        if row.silent_us <= within_s * US_PER_S:
            beating.append(row)
        elif is_here:
            silent.append(Silent(row.id, row.kind, row.pid, int(row.silent_us // US_PER_S)))
    return LiveJobs(beating[::-1], silent)


def is_in_use(config: Config) -> bool:
    """Tell whether a job that lives uses the store, which may not be made yet."""
    with bare_store(config) as store:
        if revision(store) != HEAD:
            return False
        with store.read() as connection:
            return bool(live_jobs(config, connection))
