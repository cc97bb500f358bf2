"""What executors tell of attempts beside their states: lines of the history that change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.store.schema import attempt, dag_run, task_event, task_instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_lite.keys import TaskInstanceKey

#: Who is named as the actor of a note; nobody else is called so.
EXECUTOR = "executor"


def add(connection: sa.Connection, notes: Sequence[dict[str, Any]]) -> None:
    """Add a note each for the attempts with a `token`: `text`, at the moment `now_us`.

    The state beside it is the row's, from and to. One of no attempt is left out.
    """
    columns = ("task_instance_id", "dag_run_id", "task_id", "map_index", "try_number", "attempt")
    row = (
        sa.select(
            task_instance.c.id,
            task_instance.c.dag_run_id,
            task_instance.c.task_id,
            task_instance.c.map_index,
            attempt.c.try_number,
            attempt.c.token,
            task_instance.c.state,
            task_instance.c.state,
            sa.literal(EXECUTOR),
            sa.bindparam("text", type_=sa.Text),
            sa.bindparam("now_us", type_=sa.BigInteger),
        )
        .join(task_instance, task_instance.c.id == attempt.c.task_instance_id)
        .where(attempt.c.token == sa.bindparam("token"))
    )
    states = ("from_state", "to_state", "actor", "cause", "at_us")
    statement = task_event.insert().from_select([*columns, *states], row)
    connection.execute(statement, notes)


def of_try(connection: sa.Connection, key: TaskInstanceKey) -> Sequence[str]:
    """Return the notes of a try, in order."""
    query = (
        sa.select(task_event.c.cause)
        .join(task_instance, task_instance.c.id == task_event.c.task_instance_id)
        .join(dag_run, dag_run.c.id == task_instance.c.dag_run_id)
        .where(
            dag_run.c.dag_id == key.dag_id,
            dag_run.c.run_id == key.run_id,
            task_instance.c.task_id == key.task_id,
            task_instance.c.map_index == key.map_index,
            task_event.c.try_number == key.try_number,
            task_event.c.actor == EXECUTOR,
        )
    )
    return connection.execute(query.order_by(task_event.c.id)).scalars().all()
