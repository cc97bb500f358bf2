"""Runs and task instances from their rows; a row that makes no sense is found out here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_lite.scheduler.planner.instance import Instance
from airflow_lite.scheduler.planner.model import Run
from airflow_lite.states import DagRunState, TaskInstanceState
from airflow_lite.store import runs, scheduling, test_dates

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_run(row: Any, instances: Iterable[Any]) -> Run:
    """Return a run with its instances from their rows; raise ValueError for what makes no sense.

    No task asks for the conf here, but a host that looked it up could read none of its batch.
    """
    runs.check_run(row)
    fields = row._asdict()
    json.loads(fields.pop("conf"))
    del fields["job_id"]
    fields["logical_us"] = test_dates.date_us(row.run_type, row.logical_us)
    run = Run(**fields)
    run.state = DagRunState(row.state)
    for instance_row in instances:
        instance = Instance(instance_row.id, instance_row.task_id, instance_row.map_index)
        update_instance(instance, instance_row)
        run.instances[instance.key] = instance
    return run


def update_instance(instance: Instance, row: Any) -> None:
    """Make an instance what its row says; raise ValueError for what makes no sense."""
    scheduling.check_instance(row)
    # Written out: a loop over the names takes half as long again, for each task several times.
    instance.state = None if row.state is None else TaskInstanceState(row.state)
    instance.try_number = row.try_number
    instance.max_tries = row.max_tries
    instance.attempt = row.attempt
    instance.supervisor = row.supervisor
    instance.next_at_us = row.next_at_us
    instance.try_started_us = row.try_started_us
    instance.queued_us = row.queued_us
    instance.pool = row.pool
    instance.pool_slots = row.pool_slots
    instance.queue = row.queue
    instance.priority_weight = row.priority_weight
    instance.stuck_count = row.stuck_count
    instance.change_cause = row.change_cause
    instance.map_length = row.map_length
    instance.skip_decision = None if row.skip_decision is None else json.loads(row.skip_decision)
