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
    dataset_queue,
    dataset_use,
    rendered_fields,
    task_event,
    task_instance,
    xcom,
)
from airflow_lite.store.test_runs import is_test_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import RowMapping

    from airflow_lite.spec.model import DagSpec

ACTOR = "user"
_UNDER_WAY = {TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING}


class Clearable(NamedTuple):
    """A task instance that a clear would touch, with the retries its task has now."""

    id: int
    dag_run_id: int
    state: str | None
    retries: int


def clearable(row: RowMapping, spec: DagSpec) -> Clearable:
    """Return what a clear takes of the row of a task instance, whose task the DAG has."""
    return Clearable(row["id"], row["dag_run_id"], row["state"], spec.tasks[row["task_id"]].retries)


def note_action(
    connection: sa.Connection, actor: str, cause: str, *, now_us: int, dag_run_id: int = 0
) -> None:
    """Note in the history what somebody did that changes no task instance by itself.

    `dag_run_id` is the run that was made or changed; 0: the action was about none.
    """
    row = {"task_instance_id": 0, "dag_run_id": dag_run_id, "task_id": "", "map_index": -1}
    noted = {**row, "try_number": 0, "actor": actor, "cause": cause, "at_us": now_us}
    connection.execute(task_event.insert().values(noted))


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
    """Return a DAG's task instances with id, type and logical date of their runs, by that date.

    `task_ids` None: of all tasks; `states` None: in whatever state; the bounds are of the logical
    date.
    """
    query = (
        sa.select(task_instance, dag_run.c.run_id, dag_run.c.run_type, dag_run.c.logical_us)
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


def clear(
    connection: sa.Connection,
    chosen: Sequence[Clearable],
    *,
    now_us: int,
    reopens_runs: bool = True,
    actor: str = ACTOR,
) -> set[int]:
    """Clear task instances: they run again, with `retries` further tries after the next.

    What runs becomes `restarting` and keeps its token: its host kills it first. Runs that were
    over are queued again, unless they are to stay so. Returns the row ids of the runs touched.
    """
    running = [item for item in chosen if item.state in _UNDER_WAY]
    resting = [item for item in chosen if item.state not in _UNDER_WAY]
    common = {"changed_by": actor, "change_cause": "cleared", "changed_at_us": now_us}
    _update(connection, running, {"state": str(TaskInstanceState.RESTARTING), **common})
    fresh: dict[str, object] = {
        **dict.fromkeys(("state", "attempt", "supervisor", "external_executor_id")),
        **dict.fromkeys(("next_at_us", "try_started_us", "queued_us", "start_us", "end_us")),
        **dict.fromkeys(("pid", "hostname", "next_method", "next_kwargs", "skip_decision")),
        **dict.fromkeys(("map_length", "rendered_map_index", "trigger_spec", "triggerer_id")),
        "stuck_count": 0,
        **common,
    }
    _update(connection, resting, fresh)
    touched = {item.dag_run_id for item in chosen}
    _note_clear(connection, touched)
    if reopens_runs:
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


def _note_clear(connection: sa.Connection, dag_run_ids: Collection[int]) -> None:
    """Count the clear, and let the owners of these runs know."""
    for ids in chunks(sorted(dag_run_ids)):
        numbers = {name: dag_run.c[name] + 1 for name in ("clear_number", "row_version")}
        connection.execute(dag_run.update().where(dag_run.c.id.in_(ids)).values(numbers))


def _reopen(connection: sa.Connection, dag_run_ids: Collection[int], now_us: int) -> None:
    """Queue again those of these runs that were over."""
    over = dag_run.c.state.in_([str(state) for state in RUN_FINISHED])
    reopened = {
        "state": "queued",
        "queued_us": now_us,
        "start_us": None,
        "end_us": None,
        "job_id": None,  # of a `dags test` that is over: a scheduler runs it now
    }
    for ids in chunks(sorted(dag_run_ids)):
        connection.execute(dag_run.update().where(dag_run.c.id.in_(ids), over).values(reopened))


def mark(
    connection: sa.Connection,
    instance_ids: Sequence[int],
    state: TaskInstanceState,
    *,
    now_us: int,
    actor: str = ACTOR,
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
                changed_by=actor,
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
    deletes = (
        *_deletes_of_runs(of_dag),
        dataset_use.delete().where(dataset_use.c.dag_id == dag_id),
        dataset_queue.delete().where(dataset_queue.c.dag_id == dag_id),
        _forget_file(dag_id),
        dag.delete().where(dag.c.dag_id == dag_id),
        dag_version.delete().where(dag_version.c.dag_id == dag_id),
        dag_pickle.delete().where(dag_pickle.c.dag_id == dag_id),
    )
    return sum(connection.execute(statement).rowcount for statement in deletes)


def delete_run(connection: sa.Connection, run_row_id: int) -> None:
    """Delete a run with all rows of it; raise `UserError` while attempts of it run."""
    of_run = sa.select(dag_run.c.id).where(dag_run.c.id == run_row_id)
    active = task_instance.c.state.in_([str(state) for state in ACTIVE])
    query = sa.select(sa.func.count()).where(task_instance.c.dag_run_id == run_row_id, active)
    if count := connection.execute(query).scalar():
        raise UserError(
            f"The run has {count} task(s) queued or running. Stop it first, and wait for them."
        )
    for statement in _deletes_of_runs(of_run):
        connection.execute(statement)


def _deletes_of_runs(runs: sa.Select[tuple[int]]) -> tuple[sa.Delete, ...]:
    """Return the statements that delete runs, by their row ids, with all that is of them."""
    mine = task_instance.c.dag_run_id.in_(runs)
    of_instances = sa.select(task_instance.c.id).where(mine)
    return (
        rendered_fields.delete().where(rendered_fields.c.task_instance_id.in_(of_instances)),
        attempt.delete().where(attempt.c.task_instance_id.in_(of_instances)),
        task_event.delete().where(task_event.c.dag_run_id.in_(runs)),
        callback_request.delete().where(callback_request.c.dag_run_id.in_(runs)),
        xcom.delete().where(xcom.c.dag_run_id.in_(runs)),
        task_instance.delete().where(mine),
        dag_run.delete().where(dag_run.c.id.in_(runs)),
    )


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
            trigger_spec=None,
            supervisor=None,
            try_number=task_instance.c.try_number + 1,
            pool=pool or task_instance.c.pool,
            queued_us=now_us,
            next_at_us=None,
            try_started_us=None,
            start_us=None,
            end_us=None,
            next_method=None,
            next_kwargs=None,
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
