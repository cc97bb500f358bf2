"""What users change by command: clear, mark, delete, pause, run by hand.

Every edit raises the row version of the runs (or DAGs) it touches in the same transaction, which
tells their owner to read them again; the caller rings the doorbell after the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from airflow_lite.errors import UserError
from airflow_lite.keys import new_attempt_token
from airflow_lite.states import ACTIVE, RUN_FINISHED, TaskInstanceState
from airflow_lite.store.batches import chunks
from airflow_lite.store.schema import (
    attempt,
    callback_request,
    dag,
    dag_file,
    dag_pickle,
    dag_run,
    dag_version,
    rendered_fields,
    task_event,
    task_instance,
    xcom,
)
from airflow_lite.store.test_runs import is_test_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import RowMapping

ACTOR = "user"
_UNDER_WAY = {TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING}


class Clearable(NamedTuple):
    """A task instance that a clear would touch, with the retries its task has now."""

    id: int
    dag_run_id: int
    state: str | None
    retries: int


def set_paused(connection: sa.Connection, dag_ids: Sequence[str], *, paused: bool) -> int:
    """Pause DAGs or let them go on; return how many were in the other state."""
    changed = 0
    for ids in chunks(dag_ids):
        update = (
            dag.update()
            .where(dag.c.dag_id.in_(ids), dag.c.is_paused != paused)
            .values(is_paused=paused, row_version=dag.c.row_version + 1)
        )
        changed += connection.execute(update).rowcount
    return changed


def instances_to_clear(
    connection: sa.Connection,
    dag_id: str,
    task_ids: Collection[str] | None = None,
    *,
    start_us: int | None = None,
    end_us: int | None = None,
    states: Collection[str] | None = None,
) -> Sequence[RowMapping]:
    """Return a DAG's task instances with run id and logical date, ordered by that date.

    `task_ids` None: of all tasks; `states` None: in whatever state; the bounds are of the logical
    date.
    """
    query = (
        sa.select(task_instance, dag_run.c.run_id, dag_run.c.logical_us)
        .join(dag_run, dag_run.c.id == task_instance.c.dag_run_id)
        .where(dag_run.c.dag_id == dag_id)
        .order_by(dag_run.c.logical_us, task_instance.c.id)
    )
    if start_us is not None:
        query = query.where(dag_run.c.logical_us >= start_us)
    if end_us is not None:
        query = query.where(sa.or_(dag_run.c.logical_us <= end_us, is_test_of(end_us)))
    if states is not None:
        query = query.where(task_instance.c.state.in_([str(state) for state in states]))
    rows = connection.execute(query).mappings().all()
    return [row for row in rows if task_ids is None or row["task_id"] in task_ids]


def clear(connection: sa.Connection, chosen: Sequence[Clearable], *, now_us: int) -> set[int]:
    """Clear task instances: they run again, with `retries` further tries after the next.

    What runs becomes `restarting` and keeps its token: its host kills it first. Runs that were
    over are queued again. Returns the row ids of the runs touched.
    """
    running = [item for item in chosen if item.state in _UNDER_WAY]
    resting = [item for item in chosen if item.state not in _UNDER_WAY]
    common = {"changed_by": ACTOR, "change_cause": "cleared", "changed_at_us": now_us}
    _update(connection, running, {"state": str(TaskInstanceState.RESTARTING), **common})
    fresh: dict[str, object] = {
        **dict.fromkeys(("state", "attempt", "supervisor", "external_executor_id")),
        **dict.fromkeys(("next_at_us", "try_started_us", "queued_us", "start_us", "end_us")),
        **dict.fromkeys(("pid", "hostname", "next_method", "next_kwargs", "skip_decision")),
        "stuck_count": 0,
        **common,
    }
    _update(connection, resting, fresh)
    touched = {item.dag_run_id for item in chosen}
    _reopen(connection, touched, now_us)
    return touched


def _update(
    connection: sa.Connection, chosen: Sequence[Clearable], values: Mapping[str, object]
) -> None:
    """Write `values` where state is as it was read, and raise max_tries by Airflow's rule."""
    if not chosen:
        return
    old: sa.BindParameter[str | None] = sa.bindparam("old_state")
    new = task_instance.c.try_number + sa.bindparam("retries")
    update = (
        task_instance.update()
        .where(
            task_instance.c.id == sa.bindparam("row_id"),
            task_instance.c.state.is_not_distinct_from(old),
        )
        .values(**values, max_tries=new)
    )
    rows = [
        {"row_id": item.id, "old_state": item.state, "retries": item.retries} for item in chosen
    ]
    connection.execute(update, rows)


def _reopen(connection: sa.Connection, dag_run_ids: Collection[int], now_us: int) -> None:
    """Queue again the runs that were over, and let the owners of all of them know."""
    over = [str(state) for state in RUN_FINISHED]
    for ids in chunks(sorted(dag_run_ids)):
        mine = dag_run.c.id.in_(ids)
        reopened = {
            "state": "queued",
            "queued_us": now_us,
            "start_us": None,
            "end_us": None,
            "job_id": None,  # of a `dags test` that is over: a scheduler runs it now
        }
        connection.execute(
            dag_run.update()
            .where(mine)
            .values(clear_number=dag_run.c.clear_number + 1, row_version=dag_run.c.row_version + 1)
        )
        connection.execute(dag_run.update().where(mine, dag_run.c.state.in_(over)).values(reopened))


def mark(
    connection: sa.Connection,
    instance_ids: Sequence[int],
    state: TaskInstanceState,
    *,
    now_us: int,
) -> set[int]:
    """Give task instances a finished state; return the row ids of the runs touched.

    The token stays: a host that runs one sees the mark, kills its attempt and leaves the state.
    """
    touched: set[int] = set()
    for ids in chunks(instance_ids):
        update = (
            task_instance.update()
            .where(task_instance.c.id.in_(ids), task_instance.c.state.is_distinct_from(str(state)))
            .values(
                state=str(state),
                end_us=now_us,
                changed_by=ACTOR,
                change_cause=f"marked {state}",
                changed_at_us=now_us,
            )
            .returning(task_instance.c.dag_run_id)
        )
        touched |= set(connection.execute(update).scalars())
    raise_row_versions(connection, touched)
    return touched


def raise_row_versions(connection: sa.Connection, dag_run_ids: Collection[int]) -> None:
    """Tell the owners of these runs that someone else wrote to them."""
    for ids in chunks(sorted(dag_run_ids)):
        update = dag_run.update().where(dag_run.c.id.in_(ids))
        connection.execute(update.values(row_version=dag_run.c.row_version + 1))


def delete_dag(connection: sa.Connection, dag_id: str) -> int:
    """Delete all rows of a DAG; return how many. Refuses while attempts of it run."""
    of_dag = sa.select(dag_run.c.id).where(dag_run.c.dag_id == dag_id)
    mine = task_instance.c.dag_run_id.in_(of_dag)
    active = [str(state) for state in ACTIVE]
    query = sa.select(sa.func.count()).where(mine, task_instance.c.state.in_(active))
    if count := connection.execute(query).scalar():
        raise UserError(
            f"DAG {dag_id!r} has {count} task(s) queued or running."
            f" Wait for them, or pause the DAG, clear them and wait."
        )
    of_instances = sa.select(task_instance.c.id).where(mine)
    deletes = (
        rendered_fields.delete().where(rendered_fields.c.task_instance_id.in_(of_instances)),
        attempt.delete().where(attempt.c.task_instance_id.in_(of_instances)),
        task_event.delete().where(task_event.c.dag_run_id.in_(of_dag)),
        callback_request.delete().where(callback_request.c.dag_run_id.in_(of_dag)),
        xcom.delete().where(xcom.c.dag_run_id.in_(of_dag)),
        task_instance.delete().where(mine),
        dag_run.delete().where(dag_run.c.dag_id == dag_id),
        _forget_file(dag_id),
        dag.delete().where(dag.c.dag_id == dag_id),
        dag_version.delete().where(dag_version.c.dag_id == dag_id),
        dag_pickle.delete().where(dag_pickle.c.dag_id == dag_id),
    )
    return sum(connection.execute(statement).rowcount for statement in deletes)


def _forget_file(dag_id: str) -> sa.Delete:
    """Forget the DAG's file, so that it is parsed again; the DAG returns if the file has it."""
    files = sa.select(dag.c.fileloc).where(dag.c.dag_id == dag_id)
    return dag_file.delete().where(dag_file.c.path.in_(files))


def queue_by_hand(
    connection: sa.Connection, instance: RowMapping, *, pool: str | None, now_us: int
) -> str | None:
    """Queue a new attempt of a task instance for `tasks run`; return its token.

    None if the instance changed since it was read. The attempt is a new try.
    """
    token = new_attempt_token()
    update = (
        task_instance.update()
        .where(
            task_instance.c.id == instance["id"],
            task_instance.c.state.is_not_distinct_from(instance["state"]),
            task_instance.c.attempt.is_not_distinct_from(instance["attempt"]),
        )
        .values(
            state=str(TaskInstanceState.QUEUED),
            attempt=token,
            supervisor=None,
            try_number=task_instance.c.try_number + 1,
            pool=pool or task_instance.c.pool,
            queued_us=now_us,
            next_at_us=None,
            try_started_us=None,
            start_us=None,
            end_us=None,
            changed_by=ACTOR,
            change_cause="tasks run",
            changed_at_us=now_us,
        )
    )
    if not connection.execute(update).rowcount:
        return None
    connection.execute(
        attempt.insert().values(
            token=token,
            task_instance_id=instance["id"],
            try_number=instance["try_number"] + 1,
            queued_us=now_us,
        )
    )
    raise_row_versions(connection, {instance["dag_run_id"]})
    return token
