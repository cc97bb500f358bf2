"""What a scheduler reads and writes of task instances, in batches.

Every write is conditional on the state and the attempt token that the writer saw; a function that
writes returns how many rows it changed: fewer than asked for mean that the caller's are stale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam

from airflow_lite.spec.deferral import FAIL, timeout_kwargs
from airflow_lite.states import FINISHED, TaskInstanceState
from airflow_lite.store.batches import chunks, in_order, is_one_of, run_many, select_many
from airflow_lite.store.row_types import Shape
from airflow_lite.store.runs import OF_TASK, Row
from airflow_lite.store.schema import (
    ACTIVE_INSTANCE,
    DEFERRED_INSTANCE,
    UNFINISHED_RUN,
    attempt,
    dag,
    dag_run,
    pool,
    supervisor,
    task_instance,
)
from airflow_lite.text import is_storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_lite.spec.model import TaskSpec

_ti = task_instance.c
#: What `scheduler.planner.instance.Instance` has of an instance's row, the run that it is of, and
#: its start and end.
_INSTANCE = sa.select(
    _ti.dag_run_id,
    _ti.id,
    _ti.task_id,
    _ti.map_index,
    _ti.state,
    _ti.try_number,
    _ti.max_tries,
    _ti.attempt,
    _ti.supervisor,
    _ti.next_at_us,
    _ti.try_started_us,
    _ti.queued_us,
    _ti.pool,
    _ti.pool_slots,
    _ti.queue,
    _ti.priority_weight,
    _ti.stuck_count,
    _ti.skip_decision,
    _ti.map_length,
    _ti.change_cause,
    _ti.start_us,
    _ti.end_us,
)
_INSTANCE_SHAPE = Shape.of(_INSTANCE)
_BY_RUN = _INSTANCE.where(is_one_of(_ti.dag_run_id)).order_by(_ti.id)
_BY_ID = _INSTANCE.where(is_one_of(_ti.id))
_IS_BEGUN = sa.text(
    "task_instance.state IN"
    " ('queued', 'running', 'restarting', 'up_for_retry', 'up_for_reschedule', 'deferred')"
)


def _conditional() -> sa.Update:
    return task_instance.update().where(
        _ti.id == bindparam("row"),
        _ti.state.is_not_distinct_from(bindparam("was_state", type_=sa.String)),
        _ti.attempt.is_not_distinct_from(bindparam("was_attempt", type_=sa.String)),
    )


_CHANGED: dict[str, Any] = {
    "changed_by": bindparam("actor"),
    "change_cause": bindparam("cause"),
    "changed_at_us": bindparam("now_us"),
}
_TRY = sa.func.coalesce(bindparam("to_try", type_=sa.Integer), _ti.try_number)
_MOVE = _conditional().values(state=bindparam("to_state"), try_number=_TRY, **_CHANGED)
_FINISH = _conditional().values(
    state=bindparam("to_state"),
    try_number=_TRY,
    start_us=sa.func.coalesce(_ti.start_us, bindparam("now_us")),
    end_us=bindparam("now_us"),
    next_at_us=None,
    **_CHANGED,
)
_END_TRY = _conditional().values(
    state=bindparam("to_state"),
    start_us=sa.func.coalesce(_ti.start_us, bindparam("now_us")),
    end_us=bindparam("now_us"),
    next_at_us=bindparam("next_at_us"),
    **_CHANGED,
)
_END_DEFERRAL = _conditional().values(
    state=bindparam("to_state"),
    next_method=FAIL,
    next_kwargs=timeout_kwargs(),
    trigger_spec=None,
    triggerer_id=None,
    next_at_us=None,
    **_CHANGED,
)
_REQUEUE = _conditional().values(
    state="scheduled",
    attempt=None,
    queued_us=None,
    external_executor_id=None,
    stuck_count=bindparam("stuck"),
    **_CHANGED,
)
_QUEUE = _conditional().values(
    state="queued",
    attempt=bindparam("token"),
    try_number=bindparam("try_number"),
    try_started_us=bindparam("try_started_us"),
    stuck_count=bindparam("stuck"),
    next_method=sa.case((bindparam("goes_on", type_=sa.Boolean), _ti.next_method), else_=None),
    next_kwargs=sa.case((bindparam("goes_on", type_=sa.Boolean), _ti.next_kwargs), else_=None),
    queued_us=bindparam("now_us"),
    executor=bindparam("executor_name"),
    version_id=bindparam("version"),
    supervisor=None,
    external_executor_id=None,
    hostname=None,
    pid=None,
    next_at_us=None,
    start_us=None,
    end_us=None,
    skip_decision=None,
    map_length=None,
    rendered_map_index=None,
    **_CHANGED,
)
#: Of one instance, whose run nobody edited meanwhile: many are asked about at once before.
_QUEUE_UNEDITED = _QUEUE.where(
    sa.exists().where(
        dag_run.c.id == _ti.dag_run_id, dag_run.c.row_version == bindparam("run_version")
    )
)
_OF_ATTEMPT: dict[str, Any] = {
    "token": bindparam("token"),
    "task_instance_id": bindparam("row"),
    "try_number": bindparam("try_number"),
    "queued_us": bindparam("now_us"),
    "version_id": bindparam("version"),
    "executor": bindparam("executor_name"),
}
_ATTEMPT = attempt.insert().values(_OF_ATTEMPT)
#: Of one attempt, for PostgreSQL: both writes by one message to the server.
_QUEUED = _QUEUE_UNEDITED.returning(_ti.id).cte("queued")
_QUEUE_WITH_ATTEMPT = attempt.insert().from_select(
    [*_OF_ATTEMPT],
    sa.select(
        *(sa.type_coerce(value, attempt.c[name].type) for name, value in _OF_ATTEMPT.items())
    ).select_from(_QUEUED),
)
_END_ATTEMPT = (
    attempt.update()
    .where(attempt.c.token == bindparam("was_attempt"), attempt.c.ended_us.is_(None))
    .values(
        ended_us=bindparam("now_us"),
        outcome=bindparam("outcome"),
        accepted=bindparam("accepts"),
        cause=bindparam("cause"),
    )
)


def instance_rows(connection: sa.Connection, run_row_ids: Iterable[int]) -> list[Row]:
    """Return the rows of every task instance of these runs."""
    return select_many(connection, _BY_RUN, run_row_ids)


def check_instance(row: Row) -> None:
    """Raise ValueError where the row of an instance holds a value of another type."""
    _INSTANCE_SHAPE.check(row)
    # It was not UTF-8: read like this, it matches no row in a later write.
    if row.attempt is not None and "\N{REPLACEMENT CHARACTER}" in row.attempt:
        raise ValueError(f"its row in the database has attempt = {row.attempt!r:.100}")


def instances_by_id(connection: sa.Connection, ids: Iterable[int]) -> list[Row]:
    """Return the rows of these task instances; a deleted one is missing."""
    return select_many(connection, _BY_ID, ids)


_ACTIVE = (
    sa.select(
        _ti.id,
        _ti.state,
        _ti.attempt,
        _ti.supervisor,
        _ti.executor,
        _ti.external_executor_id,
        supervisor.c.beat_count,
        supervisor.c.end_us,
        supervisor.c.end_cause,
        supervisor.c.hostname,
        supervisor.c.boot_id,
        supervisor.c.pid,
        supervisor.c.process_start,
    )
    .outerjoin(supervisor, supervisor.c.id == _ti.supervisor)
    .where(ACTIVE_INSTANCE)
)


def active_rows(connection: sa.Connection) -> list[Row]:
    """Return all queued and running instances, each with its supervisor's row."""
    return list(connection.execute(_ACTIVE))


def write_changes(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Make planned changes of state; return how many rows were as expected.

    A row has `row, was_state, was_attempt, to_state, to_try, actor, cause, now_us`; `to_try` None
    leaves the try number as it is. From `deferred` to `scheduled` it is late, and goes on to fail.
    """
    statements: dict[Any, list[dict[str, Any]]] = {_FINISH: [], _END_DEFERRAL: [], _MOVE: []}
    for row in in_order(rows, "row"):
        statements[_statement_of(row)].append(row)
    return sum(run_many(connection, statement, some) for statement, some in statements.items())


def _statement_of(row: Mapping[str, Any]) -> sa.Update:
    if row["to_state"] in FINISHED:
        return _FINISH
    is_late = row["was_state"] == TaskInstanceState.DEFERRED and row["to_state"] == "scheduled"
    return _END_DEFERRAL if is_late else _MOVE


def queue_attempts(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Queue instances under new tokens and insert their attempts; return how many were as expected.

    A row has `row, was_state, was_attempt, run_version, token, try_number, try_started_us, stuck,
    goes_on, version, executor_name, actor, cause, now_us`; `goes_on`: with the method that a
    deferral named. One alone is as expected only if its run has that version.
    """
    if len(rows) == 1 and connection.dialect.name == "postgresql":
        return run_many(connection, _QUEUE_WITH_ATTEMPT, rows)
    rows = in_order(rows, "row")
    changed = run_many(connection, _QUEUE_UNEDITED if len(rows) == 1 else _QUEUE, rows)
    run_many(connection, _ATTEMPT, rows)
    return changed


def end_tries(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> int:
    """End tries whose attempt cannot record itself; return how many were as expected.

    A row has `row, was_state, was_attempt, to_state, next_at_us, actor, cause, now_us`.
    """
    rows = in_order(rows, "row")
    changed = run_many(connection, _END_TRY, rows)
    ends = [{**row, "outcome": row["to_state"], "accepts": True} for row in rows]
    run_many(connection, _END_ATTEMPT, ends)
    return changed


def requeue(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Take back attempts that nobody claimed: the instance waits in `scheduled`, same try.

    A row has `row, was_state, was_attempt, stuck, actor, cause, now_us`. Returns how many were as
    expected.
    """
    rows = in_order(rows, "row")
    changed = run_many(connection, _REQUEUE, rows)
    ends = [{**row, "outcome": None, "accepts": False} for row in rows]
    run_many(connection, _END_ATTEMPT, ends)
    return changed


_SET_EXTERNAL_ID = (
    task_instance.update()
    .where(_ti.id == bindparam("row"), _ti.attempt == bindparam("token"))
    .values(external_executor_id=bindparam("external"))
)


def is_external_id(name: str) -> bool:
    """Tell whether an engine's id of an attempt can be stored."""
    kind = _ti.external_executor_id.type
    assert isinstance(kind, sa.String)
    return is_storable(name) and len(name) <= (kind.length or 0)


def set_external_ids(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store the engine's ids of attempts; a row has `row, token, external`."""
    run_many(connection, _SET_EXTERNAL_ID, in_order(rows, "row"))


_PROCESSES = sa.select(
    attempt.c.token,
    attempt.c.hostname,
    attempt.c.boot_id,
    attempt.c.pid,
    attempt.c.process_start,
    attempt.c.process_group,
).where(is_one_of(attempt.c.token))


def attempt_processes(connection: sa.Connection, tokens: Iterable[str]) -> list[Row]:
    """Return where the processes of these attempts are: host, boot, pid, its start, its group."""
    return select_many(connection, _PROCESSES, tokens)


#: A number beyond these bounds is no count of slots, and would make the sum of all fail. They are
#: parameters, since psycopg prepares no statement that has none.
_IS_COUNT = _ti.pool_slots.between(0, 2**31 - 1)
_TAKEN = (
    sa.select(_ti.pool, sa.func.sum(_ti.pool_slots).label("slots"))
    .where(ACTIVE_INSTANCE, _IS_COUNT)
    .group_by(_ti.pool)
    .subquery()
)
_DEFERRED = (
    sa.select(_ti.pool, sa.func.sum(_ti.pool_slots).label("slots"))
    .where(DEFERRED_INSTANCE, _IS_COUNT)
    .group_by(_ti.pool)
    .subquery()
)
_POOLS = sa.select(pool.c.name, pool.c.slots, _TAKEN.c.slots, _DEFERRED.c.slots).select_from(
    pool.outerjoin(_TAKEN, _TAKEN.c.pool == pool.c.name).outerjoin(
        _DEFERRED, sa.and_(_DEFERRED.c.pool == pool.c.name, pool.c.include_deferred)
    )
)


class PoolRoom(NamedTuple):
    """A pool's slots: those that are not taken, and all; `largest` where there is no limit."""

    open: int
    size: int


def pool_room(connection: sa.Connection, largest: int) -> dict[str, PoolRoom]:
    """Return pool -> its room, with what every queued and running instance takes counted.

    What is deferred takes slots of pools that have `include_deferred`. A pool whose slots are no
    number is missing: it must be set again.
    """
    room = {}
    for name, slots, taken, deferred in connection.execute(_POOLS):
        if not isinstance(slots, int):
            continue
        size = largest if slots < 0 else slots
        room[name] = PoolRoom(size - int(taken or 0) - int(deferred or 0), size)
    return room


def active_counts(connection: sa.Connection, dag_id: str) -> dict[tuple[int, str], int]:
    """Return (run row id, task id) -> how many attempts of a DAG are queued or running."""
    query = (
        sa.select(_ti.dag_run_id, _ti.task_id, sa.func.count())
        .join(dag_run, dag_run.c.id == _ti.dag_run_id)
        .where(ACTIVE_INSTANCE, dag_run.c.dag_id == dag_id)
        .group_by(_ti.dag_run_id, _ti.task_id)
    )
    return {(run, task): count for run, task, count in connection.execute(query)}


def waiting_in_queue(connection: sa.Connection) -> dict[str, int]:
    """Return executor -> how many task instances are queued for it."""
    query = sa.select(_ti.executor, sa.func.count()).where(ACTIVE_INSTANCE, _ti.state == "queued")
    return {name or "": count for name, count in connection.execute(query.group_by(_ti.executor))}


def waiting_by_queue(connection: sa.Connection, executor: str) -> dict[str, int]:
    """Return queue -> how many task instances are queued in it for an executor."""
    query = (
        sa.select(_ti.queue, sa.func.count())
        .where(ACTIVE_INSTANCE, _ti.state == "queued", _ti.executor == executor)
        .group_by(_ti.queue)
    )
    return dict(map(tuple, connection.execute(query)))


_DAG = sa.select(
    dag.c.dag_id,
    dag.c.version_id,
    dag.c.is_paused,
    dag.c.is_active,
    dag.c.row_version,
    dag.c.fileloc,
    dag.c.next_logical_us,
    dag.c.next_create_after_us,
    dag.c.pickle_id,
    dag.c.owner_job_id,
)
_DAG_SHAPE = Shape.of(_DAG)


def dag_rows(connection: sa.Connection) -> list[Row]:
    """Return the columns of every DAG that a scheduler needs."""
    return list(connection.execute(_DAG))


def check_dag(row: Row) -> None:
    """Raise ValueError where the row of a DAG holds a value of another type."""
    _DAG_SHAPE.check(row)


_SET_NEXT_RUN = (
    dag.update()
    .where(dag.c.dag_id == bindparam("of_dag"))
    .values(
        next_logical_us=bindparam("logical"),
        next_interval_start_us=bindparam("interval_start"),
        next_interval_end_us=bindparam("interval_end"),
        next_create_after_us=bindparam("create_after"),
    )
)


def set_next_runs(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Record when the next scheduled run of DAGs is due.

    A row has `of_dag, logical, interval_start, interval_end, create_after`.
    """
    run_many(connection, _SET_NEXT_RUN, rows)


_REFRESH = (
    task_instance.update()
    .where(_ti.id == bindparam("row"))
    .values({name: bindparam(name) for name in OF_TASK})
)


def refresh_instances(connection: sa.Connection, tasks: Iterable[tuple[int, TaskSpec]]) -> None:
    """Write their tasks' newest definition to instances (by row id) that have not started."""
    rows = [{"row": row, **{name: getattr(task, name) for name in OF_TASK}} for row, task in tasks]
    run_many(connection, _REFRESH, in_order(rows, "row"))


def delete_run(connection: sa.Connection, run_row_id: int) -> None:
    """Delete a run with all that hangs on it."""
    connection.execute(dag_run.delete().where(dag_run.c.id == run_row_id))


def abandon_runs(
    connection: sa.Connection, run_row_ids: Sequence[int], now_us: int, cause: str
) -> None:
    """Fail runs whose own job is over, and their task instances that it had begun."""
    for ids in chunks(run_row_ids):
        connection.execute(
            task_instance.update()
            .where(_ti.dag_run_id.in_(ids), _IS_BEGUN)
            .values(
                state="failed",
                end_us=now_us,
                changed_by="scheduler",
                change_cause=cause,
                changed_at_us=now_us,
            )
        )
        connection.execute(
            dag_run.update()
            .where(dag_run.c.id.in_(ids), UNFINISHED_RUN)
            .values(state="failed", end_us=now_us)
        )


def has_active(connection: sa.Connection, run_row_id: int) -> bool:
    """Tell whether a run has a task instance that is queued, running or restarting."""
    query = sa.select(_ti.id).where(_ti.dag_run_id == run_row_id, ACTIVE_INSTANCE).limit(1)
    return connection.execute(query).first() is not None
