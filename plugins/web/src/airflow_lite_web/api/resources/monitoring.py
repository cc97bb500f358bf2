"""How the scheduler and the database are, and which version answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite import __version__
from airflow_lite_web.api.endpoints import Endpoint
from airflow_lite_web.api.records import Record, always, nested, text
from airflow_lite_web.api.types import TEXT
from airflow_lite_web.pages.health import health_of

if TYPE_CHECKING:
    from airflow_lite_web.api.endpoints import Call

METADATABASE = Record("MetadatabaseStatus", {"status": text()})
SCHEDULER = Record("SchedulerStatus", {"status": text(), "latest_scheduler_heartbeat": text()})
TRIGGERER = Record("TriggererStatus", {"status": text(), "latest_triggerer_heartbeat": text()})
DAG_PROCESSOR = Record(
    "DagProcessorStatus", {"status": always(TEXT), "latest_dag_processor_heartbeat": always(TEXT)}
)
HEALTH = Record(
    "HealthInfo",
    {
        "metadatabase": nested(METADATABASE),
        "scheduler": nested(SCHEDULER),
        # Null where no triggerer runs beside the scheduler, which then runs triggers itself.
        "triggerer": nested(TRIGGERER),
        # Always: the scheduler parses DAG files.
        "dag_processor": nested(DAG_PROCESSOR),
    },
)
VERSION = Record("VersionInfo", {"version": text(is_nullable=False), "git_version": always(TEXT)})


def get_health(call: Call) -> dict[str, Any]:
    """Return how the database, the scheduler and the triggerer are."""
    return health_of(call.site)


def get_version(_: Call) -> dict[str, Any]:
    """Return the version of airflow-lite."""
    return {"version": __version__}


ENDPOINTS = (
    Endpoint(
        "GET",
        "/health",
        "get_health",
        "Monitoring",
        "Tell how the scheduler and the database are",
        get_health,
        HEALTH,
        is_open=True,
    ),
    Endpoint(
        "GET",
        "/version",
        "get_version",
        "Monitoring",
        "Tell the version of airflow-lite",
        get_version,
        VERSION,
        is_open=True,
    ),
)
