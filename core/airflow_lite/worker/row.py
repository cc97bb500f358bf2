"""A task instance as another task of its run sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_lite.worker.moment import optional_moment

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_lite.worker.dag_run import DagRun


@dataclass(frozen=True)
class TaskInstanceRow:
    """What the store held of a task instance when it was asked, with Airflow's names."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str | None
    try_number: int
    max_tries: int
    operator: str | None
    queue: str
    pool: str
    hostname: str | None
    start_date: datetime | None
    end_date: datetime | None

    @classmethod
    def of_run(cls, run: DagRun, row: dict[str, Any]) -> TaskInstanceRow:
        """Make one of what `store.lookup.task_instances` found."""
        plain = dict(row)
        start, end = optional_moment(plain.pop("start_us")), optional_moment(plain.pop("end_us"))
        return cls(dag_id=run.dag_id, run_id=run.run_id, start_date=start, end_date=end, **plain)

    @property
    def duration(self) -> float | None:
        """The seconds from start to end; None before the end."""
        return duration_s(self.start_date, self.end_date)

    def current_state(self, session: object = None) -> str | None:
        """Return the state it had when the store was asked."""
        return self.state


def duration_s(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds between, or None."""
    return None if start is None or end is None else (end - start).total_seconds()
