"""Runs are made for the DAGs whose datasets have changed, of those that are due."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_lite.clock import iso
from airflow_lite.errors import DagRunAlreadyExists
from airflow_lite.scheduler.passes.refresh import load_runs
from airflow_lite.spec.datasets import aliases_in, is_met
from airflow_lite.states import DagRunType
from airflow_lite.store import dataset_runs, runs
from airflow_lite.store.faults import cause_of, is_of_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.scheduler.state.memory import OwnedDag
    from airflow_lite.store.dataset_runs import QueuedEvent

    Triggered = tuple[OwnedDag, list[QueuedEvent]]

logger = logging.getLogger(__name__)

#: Runs of other kinds that may have the microseconds which a triggered run could have.
_MOST_TAKEN = 1_000


def make_triggered(context: SchedulerContext, dags: Sequence[OwnedDag]) -> None:
    """Make a run of each of these DAGs whose condition is met, and that has room for one."""
    waiting = [
        dag for dag in dags if dag.spec.schedule.datasets is not None and _has_room(context, dag)
    ]
    triggered = _triggered(context, waiting) if waiting else []
    if triggered:
        _make(context, triggered)


def _has_room(context: SchedulerContext, dag: OwnedDag) -> bool:
    memory = context.memory
    active = len(memory.runs_of(dag.dag_id)) + len(memory.queued_of(dag.dag_id))
    return active < dag.spec.max_active_runs  # else it is due again once a run has ended


def _triggered(context: SchedulerContext, dags: Sequence[OwnedDag]) -> list[Triggered]:
    """Return the DAGs whose condition is met by what is queued for them, with that."""
    events: dict[str, list[QueuedEvent]] = {}
    with context.store.read() as connection:
        for event in dataset_runs.queued(connection, [dag.dag_id for dag in dags]):
            events.setdefault(event.dag_id, []).append(event)
        some = [dag for dag in dags if dag.dag_id in events]
        aliases = {alias for dag in some for alias in aliases_in(dag.spec.schedule.datasets)}
        linked = dataset_runs.linked(connection, sorted(aliases)) if aliases else {}
    return [
        (dag, events[dag.dag_id])
        for dag in some
        if is_met(dag.spec.schedule.datasets, {e.uri for e in events[dag.dag_id]}, linked)
    ]


def _make(context: SchedulerContext, triggered: Sequence[Triggered]) -> None:
    """Make the runs in one transaction; where the database refuses a row, each by itself."""
    try:
        with context.store.begin() as connection:
            now_us = context.clock.now_us()
            ids = [_make_run(connection, *each, now_us) for each in triggered]
    except Exception as error:
        if not is_of_rows(error):
            raise
        if len(triggered) > 1:
            for each in triggered:
                _make(context, [each])
            return
        ((dag, _),) = triggered
        if context.memory.complain(("dataset runs", dag.dag_id), cause_of(error)):
            logger.error(
                "the run of DAG %r for its datasets cannot be made: %s",
                dag.dag_id,
                cause_of(error),
            )
        return
    load_runs(context, ids)


def _make_run(
    connection: sa.Connection, dag: OwnedDag, events: Sequence[QueuedEvent], now_us: int
) -> int:
    """Make a run for these events; its date is that of the newest, and after the run before."""
    last_us = dataset_runs.last_triggered_us(connection, dag.dag_id)
    logical_us = max(event.at_us for event in events)
    if last_us is not None:
        logical_us = max(logical_us, last_us + 1)
    event_ids = [event.id for event in events]
    spans = dataset_runs.spans(
        connection, dag.dag_id, event_ids, after_us=last_us, until_us=logical_us
    )
    interval = min(span.start_us for span in spans), max(span.end_us for span in spans)
    run_row_id = _create(connection, dag, logical_us, interval, now_us)
    dataset_runs.consume(connection, dag.dag_id, run_row_id, spans)
    return run_row_id


def _create(
    connection: sa.Connection,
    dag: OwnedDag,
    logical_us: int,
    interval: tuple[int, int],
    now_us: int,
) -> int:
    for free_us in range(logical_us, logical_us + _MOST_TAKEN):
        try:
            return runs.create_run(
                connection,
                dag.spec,
                dag.version_id,
                run_id=f"{DagRunType.DATASET_TRIGGERED}__{iso(free_us)}",
                run_type=DagRunType.DATASET_TRIGGERED,
                logical_us=free_us,
                interval=interval,
                now_us=now_us,
            )
        except DagRunAlreadyExists:  # a run of another kind has this very date
            continue
    raise DagRunAlreadyExists
