"""From ready to queued: admit, one commit for the batch, then the executor.

Which of the ready instances have their turn is decided by `planner.admit`.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow_lite.executors.driving.driver import QueueItem
from airflow_lite.keys import RunCommand, new_attempt_token
from airflow_lite.scheduler.passes.refresh import skip_run
from airflow_lite.scheduler.planner.admit import admit
from airflow_lite.scheduler.planner.model import Candidate, Limits
from airflow_lite.scheduler.state import notify_plugins, run_log
from airflow_lite.scheduler.state.conflict import StaleRows, edited_runs, expect_rows
from airflow_lite.states import TaskInstanceState
from airflow_lite.store import scheduling
from airflow_lite.store.faults import is_of_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import sqlalchemy as sa

    from airflow_lite.scheduler.planner.instance import Instance
    from airflow_lite.scheduler.planner.model import Admission, Run
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.spec.model import DagSpec
    from airflow_lite.store.scheduling import PoolRoom

logger = logging.getLogger(__name__)

#: A run with something ready, its DAG, and how much more of it may be active.
Offer = tuple["Run", "DagSpec", int]

#: An attempt from one of these belongs to the try that was.
_SAME_TRY = frozenset({TaskInstanceState.UP_FOR_RESCHEDULE, TaskInstanceState.SCHEDULED})


def dispatch(context: SchedulerContext) -> None:
    """Queue what is ready, as far as pools, limits and the executor's slots go."""
    _hand_over(context, [(a.run, a.instance) for a in context.memory.take_unanswered()])
    slots = open_slots(context)
    offers = list(_offers(context)) if slots > 0 else []
    if not offers:
        return
    try:
        queued = _queue(context, offers, slots)
    except StaleRows as error:
        logger.info("%s; loading them again", error)
        context.memory.doubt(error.run_ids)
        return
    for candidate, row in queued:
        _remember(context, candidate, row)
    _hand_over(context, [(candidate.run, candidate.instance) for candidate, _ in queued])


def _hand_over(context: SchedulerContext, queued: Sequence[tuple[Run, Instance]]) -> None:
    if queued:
        items = [_item(context, *of) for of in queued]
        context.runner.queue(items)
        notify_plugins.tasks_queued(context, items)


def _queue(
    context: SchedulerContext, offers: list[Offer], slots: int, *, is_apart: bool = False
) -> list[tuple[Candidate, dict[str, Any]]]:
    """Admit and write in one transaction; return what was queued, each with its row.

    Where the database refuses a row, its run is skipped, and the others are written without it.
    """
    try:
        with context.store.begin_queueing(_wanted_pools(offers)) as connection:
            admitted = _admit(context, connection, offers, slots)
            fresh = _without_edited(context, connection, admitted)
            rows = [_row(context, candidate) for candidate in fresh]
            items = [*zip(fresh, rows, strict=True)]
            if is_apart:
                items = [item for item in items if _write_apart(context, connection, item)]
            else:
                _write(connection, items)
            for candidate, row in items:
                context.memory.await_answer(row["token"], candidate.instance)
    except Exception as error:
        if is_apart or not is_of_rows(error):
            raise
        return _queue(context, offers, slots, is_apart=True)
    for _, row in items:
        context.memory.take_answer(row["token"])
    return items


def _write(connection: sa.Connection, items: Sequence[tuple[Candidate, dict[str, Any]]]) -> None:
    changed = scheduling.queue_attempts(connection, [row for _, row in items])
    expect_rows(changed, len(items), {candidate.run.id for candidate, _ in items})


def _write_apart(
    context: SchedulerContext, connection: sa.Connection, item: tuple[Candidate, dict[str, Any]]
) -> bool:
    """Write one row, unless its run is skipped already or the database refuses it."""
    run = item[0].run
    if run.id in context.memory.skipped:
        return False
    try:
        with connection.begin_nested():
            _write(connection, [item])
    except Exception as error:
        if not is_of_rows(error):
            raise
        skip_run(context, run, error)
        return False
    return True


def open_slots(context: SchedulerContext) -> int:
    """Return how many attempts more may be queued: 0 while the executor is stalled."""
    if context.runner.stalled:
        return 0
    slots = context.runner.slots_available
    if slots == sys.maxsize:
        return slots
    return slots - sum(active.is_unmanaged for active in context.memory.live_attempts())


def _offers(context: SchedulerContext) -> Iterator[Offer]:
    """Return the runs of which something may be queued."""
    taken = Counter(active.run.dag_id for active in context.memory.live_attempts())
    for run in context.memory.running:
        dag = context.memory.find_dag(run.dag_id) if len(run.ready) else None
        if dag is None or context.waits_for_pickle(dag):
            continue
        if dag.may_schedule or context.scope is not None:
            room = dag.spec.max_active_tasks - taken[dag.dag_id]
            if room > 0:
                yield run, dag.spec, room


def _wanted_pools(offers: list[Offer]) -> set[str]:
    return {pool for run, *_ in offers for pool in run.ready.pools}


def _admit(
    context: SchedulerContext,
    connection: sa.Connection,
    offers: list[Offer],
    slots: int,
) -> list[Candidate]:
    rooms = scheduling.pool_room(connection, sys.maxsize)
    if context.only_dag is not None and context.backfill is None:
        rooms = _endless_rooms(context, rooms, [run for run, *_ in offers])
    limits = _limits(context, rooms, slots)
    candidates = [
        Candidate(instance, run, spec)
        for run, spec, room in offers
        for instance in run.ready.first(min(slots, room), limits.pools)
    ]
    admission = admit(candidates, limits)
    _warn_of_pools(context, admission)
    return admission.admitted


def _endless_rooms(
    context: SchedulerContext, rooms: dict[str, PoolRoom], runs: list[Run]
) -> dict[str, PoolRoom]:
    """Return room in every pool: as in Airflow, pools do not hold up `dags test`."""
    pools = {instance.pool for run in runs for instance in run.instances.values()}
    for pool in sorted(pools - rooms.keys()):
        if context.memory.complain(("pool", pool), "missing"):
            logger.warning(
                "There is no pool %r, for which a scheduler would wait."
                " Make it: airflow-lite pools set %s SLOTS DESCRIPTION",
                pool,
                pool,
            )
    return dict.fromkeys(pools, scheduling.PoolRoom(sys.maxsize, sys.maxsize))


def _warn_of_pools(context: SchedulerContext, admission: Admission) -> None:
    complain = context.memory.complain
    for pool in sorted(admission.unknown_pools):
        if complain(("pool", pool), "missing"):
            logger.warning(
                "tasks wait for pool %r, which does not exist."
                " Make it: airflow-lite pools set %s SLOTS DESCRIPTION",
                pool,
                pool,
            )
    for candidate in admission.oversized:
        instance = candidate.instance
        if complain(("pool", instance.pool), "too small"):
            logger.warning(
                "task %r of DAG %r waits: it wants %d slots of pool %r, which has fewer."
                " Give the pool more: airflow-lite pools set %s SLOTS DESCRIPTION",
                instance.task_id,
                candidate.run.dag_id,
                instance.pool_slots,
                instance.pool,
                instance.pool,
            )


def _limits(context: SchedulerContext, rooms: dict[str, PoolRoom], slots: int) -> Limits:
    pools = {name: room.open for name, room in rooms.items()}
    sizes = {name: room.size for name, room in rooms.items()}
    dags: Counter[str] = Counter()
    tasks: Counter[tuple[str, str]] = Counter()
    run_tasks: Counter[tuple[int, str]] = Counter()
    for active in context.memory.live_attempts():
        run, task_id = active.run, active.instance.task_id
        dags[run.dag_id] += 1
        tasks[run.dag_id, task_id] += 1
        run_tasks[run.id, task_id] += 1
    halves = _half_slots(context)
    return Limits(pools, dags, tasks, run_tasks, slots, sizes, halves, context.routes)


def _half_slots(context: SchedulerContext) -> dict[str, int]:
    """Return how many attempts more each half of a hybrid may be given."""
    slots = context.runner.half_slots
    for active in context.memory.live_attempts() if slots else ():
        if active.is_unmanaged:
            slots[context.executor_of(active.run, active.instance)] -= 1
    return slots


def _without_edited(
    context: SchedulerContext, connection: sa.Connection, admitted: list[Candidate]
) -> list[Candidate]:
    """Leave out the runs that someone else edited meanwhile; they are loaded again.

    Of one alone the write itself tells.
    """
    if len(admitted) == 1:
        return admitted
    edited = edited_runs(connection, [candidate.run for candidate in admitted])
    context.memory.doubt(edited)
    return [candidate for candidate in admitted if candidate.run.id not in edited]


def _row(context: SchedulerContext, candidate: Candidate) -> dict[str, Any]:
    instance = candidate.instance
    is_same_try = instance.state in _SAME_TRY and instance.try_number > 0
    return {
        **context.change(instance, "admitted"),
        "run_version": candidate.run.row_version,
        "token": new_attempt_token(),
        "try_number": instance.try_number + (0 if is_same_try else 1),
        "try_started_us": instance.try_started_us if is_same_try else None,
        "stuck": instance.stuck_count if is_same_try else 0,
        "goes_on": is_same_try,
        "version": context.memory.dag(candidate.run.dag_id).version_id,
        "executor_name": context.executor_of(candidate.run, instance),
    }


def _remember(context: SchedulerContext, candidate: Candidate, row: dict[str, Any]) -> None:
    instance, run = candidate.instance, candidate.run
    is_new = row["try_number"] != instance.try_number
    instance.state = TaskInstanceState.QUEUED
    instance.attempt = row["token"]
    instance.try_number = row["try_number"]
    instance.try_started_us = row["try_started_us"]
    instance.stuck_count = row["stuck"]
    instance.queued_us = row["now_us"]
    instance.supervisor = instance.next_at_us = instance.skip_decision = None
    instance.map_length = None
    run.ready.discard(instance.key)
    run.events.append(instance)
    context.memory.activate(run, instance)
    run_log.try_queued(context, run, instance, is_new=is_new)


def _item(context: SchedulerContext, run: Run, instance: Instance) -> QueueItem:
    ti = context.task_instance_of(run, instance)
    subdir = None if context.pinned is None else context.pinned.path
    command = RunCommand(ti.key, ti.pool, subdir, ti.pickle_id).words()
    return QueueItem(ti, command, ti.priority_weight, ti.queue)
