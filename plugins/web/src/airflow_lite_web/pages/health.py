"""How the database and the scheduler are, for `/health` and the top of every page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from airflow_lite.clock import iso
from airflow_lite.scheduler.recovery.live_jobs import live_jobs

#: Their classes have `is_production = False`; asked of no class, since nothing of a plugin is
#: imported here.
_FOR_DEVELOPMENT = {"SequentialExecutor", "DebugExecutor"}

if TYPE_CHECKING:
    from airflow_lite_web.site import Site


class Status(NamedTuple):
    """What the top of every page says of the scheduler, and a warning, if there is one."""

    is_healthy: bool
    text: str
    detail: str
    warning: str | None


def status_of(site: Site) -> Status:
    """Return whether schedulers run, and whether their executor is made for that."""
    try:
        with site.store.read() as connection:
            jobs = live_jobs(site.config, connection, kind="scheduler")
    except SQLAlchemyError:  # a page that says so has this at its top
        return Status(False, "No database", "The database cannot be used now.", None)
    warning = _warning([job.executor for job in jobs.beating])
    if not jobs.beating:
        detail = str(jobs.silent[0]) if jobs.silent else "Start one with `airflow-lite scheduler`."
        return Status(False, "No scheduler runs", detail, warning)
    count = len(jobs.beating)
    text = "Scheduler runs" if count == 1 else f"{count} schedulers run"
    names = ", ".join(f"{job.hostname}: {job.executor}" for job in jobs.beating)
    return Status(True, text, names, warning)


def _warning(executors: list[str]) -> str | None:
    """Return the sentence on executors that are for development alone."""
    names = sorted({name for name in executors if name in _FOR_DEVELOPMENT})
    return f"Do not use the {' or the '.join(names)} in production." if names else None


def health_of(site: Site) -> dict[str, Any]:
    """Return what Airflow's `/health` says: the database, and what runs with its last beat.

    As there, a triggerer that nobody runs has no status, nor has a DAG processor: the scheduler
    runs triggers and parses files itself.
    """
    absent = {"status": None}
    health: dict[str, Any] = {
        "metadatabase": {"status": "healthy"},
        "scheduler": {**absent, "latest_scheduler_heartbeat": None},
        "triggerer": {**absent, "latest_triggerer_heartbeat": None},
        "dag_processor": {**absent, "latest_dag_processor_heartbeat": None},
    }
    try:
        with site.store.read() as connection:
            jobs = {
                kind: live_jobs(site.config, connection, kind=kind)
                for kind in ("scheduler", "triggerer")
            }
    except SQLAlchemyError:
        return {**health, "metadatabase": {"status": "unhealthy"}}
    for kind, found in jobs.items():
        beats = [job.latest_beat_us for job in found.beating]
        is_wanted = kind == "scheduler" or found.silent
        health[kind] = {
            "status": "healthy" if beats else "unhealthy" if is_wanted else None,
            f"latest_{kind}_heartbeat": iso(max(beats)) if beats else None,
        }
    return health
