"""A DAG as `dags list` and `dags details` show it: Airflow's keys, in its order."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_lite.cli.output import Cell
from airflow_lite.clock import iso
from airflow_lite.spec.timetable import schedule_interval

if TYPE_CHECKING:
    from airflow_lite.scheduler.dag_files.unsaved import KnownDag


def dag_row(dag: dict[str, Any]) -> dict[str, Any]:
    """Return every field of a DAG from what `store.listing.dags` returned."""
    return {
        "dag_id": dag["dag_id"],
        "dag_display_name": dag["display_name"] or dag["dag_id"],
        "root_dag_id": None,
        "is_paused": dag["is_paused"],
        "is_active": dag["is_active"],
        "is_subdag": False,
        "last_parsed_time": iso(dag["last_parsed_us"]),
        "last_pickled": iso(dag["last_pickled_us"]),
        "last_expired": None,
        "scheduler_lock": dag["owner_job_id"],
        "pickle_id": dag["pickle_id"],
        "default_view": "grid",
        "fileloc": dag["fileloc"],
        "file_token": None,
        "owners": [owner.strip() for owner in (dag["owners"] or "").split(",")],
        "description": dag["description"],
        "schedule_interval": _schedule(dag["schedule_spec"]),
        "timetable_description": dag["timetable_description"],
        "tags": Cell([{"name": tag} for tag in dag["tags"]], ",".join(map(str, dag["tags"]))),
        "max_active_tasks": dag["max_active_tasks"],
        "max_active_runs": dag["max_active_runs"],
        "max_consecutive_failed_dag_runs": dag["max_consecutive_failed_dag_runs"] or 0,
        "has_task_concurrency_limits": dag["has_task_limits"],
        "has_import_errors": dag["has_import_errors"],
        "next_dagrun": iso(dag["next_logical_us"]),
        "next_dagrun_data_interval_start": iso(dag["next_interval_start_us"]),
        "next_dagrun_data_interval_end": iso(dag["next_interval_end_us"]),
        "next_dagrun_create_after": iso(dag["next_create_after_us"]),
    }


def _schedule(schedule: dict[str, Any]) -> Cell:
    text = "" if schedule.get("kind", "none") == "none" else str(schedule["summary"])
    return Cell(schedule_interval(schedule), text)


def unsaved_dag(dag: KnownDag, stored: dict[str, Any] | None) -> dict[str, Any]:
    """Return a DAG that was read from its file alone as `store.listing.dags` returns DAGs.

    What only a scheduler knows is from the store, where that has a DAG of this id.
    """
    spec = dag.spec
    return {
        **(stored or {**dict.fromkeys(_SCHEDULER_KNOWS), "is_paused": False}),
        "dag_id": spec.dag_id,
        "is_active": True,
        "fileloc": dag.path,
        "display_name": spec.display_name,
        "owners": spec.owners,
        "description": spec.description,
        "schedule_spec": asdict(spec.schedule),
        "timetable_description": spec.schedule.description,
        "tags": list(spec.tags),
        "max_active_tasks": spec.max_active_tasks,
        "max_active_runs": spec.max_active_runs,
        "max_consecutive_failed_dag_runs": spec.max_consecutive_failed_dag_runs,
        "has_task_limits": bool(spec.limited_tasks),
        "has_import_errors": False,
    }


_SCHEDULER_KNOWS = (
    "last_parsed_us",
    "last_pickled_us",
    "owner_job_id",
    "pickle_id",
    "next_logical_us",
    "next_interval_start_us",
    "next_interval_end_us",
    "next_create_after_us",
)
