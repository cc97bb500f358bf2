"""The DAG run that a running task sees, and events of datasets, which come from runs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.datasets.inlet_events import (
    DatasetEvent,
    EventPage,
    InletEventsAccessors,
)
from airflow_lite.worker.dag_questions import DatasetEventPage
from airflow_lite.worker.task.datetimes import moment, optional_moment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airflow_lite.worker.task.store_client import StoreClient


class DagRun:
    """A DAG run with Airflow's names, made from the fields of `store.queued.StoredRun`."""

    def __init__(self, fields: dict[str, Any], store: StoreClient | None = None) -> None:
        self._store = store
        self.id: int = fields["id"]
        self.dag_id: str = fields["dag_id"]
        self.run_id: str = fields["run_id"]
        # A test is one by hand, as in Airflow: DAGs ask whether their run is scheduled.
        self.run_type: str = "manual" if fields["run_type"] == "test" else fields["run_type"]
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

    def get_task_instances(
        self, state: Iterable[str | None] | str | None = None, session: object = None
    ) -> list[TaskInstanceRow]:
        """Return the run's task instances as they are now, those in `state` if any is given."""
        rows = self._store.task_instances(self.id) if self._store is not None else []
        instances = [TaskInstanceRow.of_run(self, row) for row in rows]
        if state is None:
            return instances
        wanted = {state} if isinstance(state, str) else set(state)
        return [row for row in instances if row.state in wanted]

    def get_task_instance(
        self, task_id: str, session: object = None, *, map_index: int = -1
    ) -> TaskInstanceRow | None:
        """Return one of the run's task instances as it is now, or None."""
        place = (task_id, map_index)
        rows = self.get_task_instances()
        return next((row for row in rows if (row.task_id, row.map_index) == place), None)


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


def inlet_events(inlets: list[Any], store: StoreClient) -> InletEventsAccessors:
    """Return the events of a task's inlets, which are looked up when they are read."""

    def look_up(page: EventPage) -> tuple[int, list[DatasetEvent]]:
        count, rows = store.dataset_events(DatasetEventPage(*page))
        return count, [_event(row, store) for row in rows]

    return InletEventsAccessors(inlets, look_up)


def triggering_events(store: StoreClient) -> dict[str, list[DatasetEvent]]:
    """Return the events that the run was made for, by the URIs of their datasets."""
    events: dict[str, list[DatasetEvent]] = defaultdict(list)
    for row in store.triggering_events():
        events[row["uri"]].append(_event(row, store))
    return events


def _event(row: dict[str, Any], store: StoreClient) -> DatasetEvent:
    fields = dict(row)
    run = fields.pop("source_run")
    return DatasetEvent(
        timestamp=moment(fields.pop("at_us")),
        source_dag_run=None if run is None else DagRun(run, store),
        **fields,
    )
