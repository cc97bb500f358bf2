"""The DAG run that a running task sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.clock import from_us

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
        self.logical_date: datetime = from_us(fields["logical_us"])
        self.execution_date = self.logical_date
        self.data_interval_start: datetime = from_us(fields["interval_start_us"])
        self.data_interval_end: datetime = from_us(fields["interval_end_us"])
        self.queued_at = _moment(fields["queued_us"])
        self.start_date = _moment(fields["start_us"])
        self.end_date = _moment(fields["end_us"])

    def __repr__(self) -> str:
        return f"<DagRun {self.dag_id} @ {self.logical_date}: {self.run_id}, state:{self.state}>"

    @property
    def is_backfill(self) -> bool:
        """Whether a backfill made it."""
        return self.run_type == "backfill"

    def get_state(self) -> str:
        """Return the state it had when the attempt was claimed."""
        return self.state


def _moment(moment_us: int | None) -> datetime | None:
    return None if moment_us is None else from_us(moment_us)
