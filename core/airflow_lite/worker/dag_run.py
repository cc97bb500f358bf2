"""The DAG run that a running task sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.worker.moment import moment, optional_moment

if TYPE_CHECKING:
    from datetime import datetime


class DagRun:
    """A DAG run with Airflow's names, made from the fields of `store.lookup.RunInfo`."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.id: int = fields["id"]
        self.dag_id: str = fields["dag_id"]
        self.run_id: str = fields["run_id"]
        self.run_type: str = fields["run_type"]
        self.state: str = fields["state"]
        self.conf: dict[str, Any] = fields["conf"]
        self.external_trigger: bool = fields["external_trigger"]
        self.clear_number: int = fields["clear_number"]
        self.logical_us: int = fields["logical_us"]
        self.logical_date: datetime = moment(fields["logical_us"])
        self.execution_date = self.logical_date
        self.data_interval_start: datetime = moment(fields["interval_start_us"])
        self.data_interval_end: datetime = moment(fields["interval_end_us"])
        self.interval_end_us: int = fields["interval_end_us"]
        self.queued_at = optional_moment(fields["queued_us"])
        self.start_date = optional_moment(fields["start_us"])
        self.end_date = optional_moment(fields["end_us"])

    def __repr__(self) -> str:
        return f"<DagRun {self.dag_id} @ {self.logical_date}: {self.run_id}, state:{self.state}>"

    @property
    def is_backfill(self) -> bool:
        """Whether a backfill made it."""
        return self.run_type == "backfill"

    def get_state(self) -> str:
        """Return the state it had when the attempt was claimed."""
        return self.state
