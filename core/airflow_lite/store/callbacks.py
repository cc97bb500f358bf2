"""Callback requests: written by the process that ends a try or a run, run by another one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from airflow_lite.keys import TaskInstanceKey
from airflow_lite.store import queued
from airflow_lite.store.runs import new_id
from airflow_lite.store.schema import callback_request, dag_run, job, task_instance

if TYPE_CHECKING:
    from airflow_lite.store.queued import Queued
    from airflow_lite.store.runs import RunsOf


#: The kind of a request for what `[alerts]` sends.
ALERT = "alert"


@dataclass(frozen=True)
class Callback:
    """A request that was begun: whose callback, of which task instance, and why.

    `kind` is dag, task or alert; `callback` is the attribute's name, such as "on_failure_callback".
    For one of a DAG run, and an alert of one, the instance is that which ended it.
    """

    kind: str
    callback: str
    reason: str
    key: TaskInstanceKey
    instance: Queued


def ask_once(
    connection: sa.Connection,
    dag_run_id: int,
    callback: str,
    reason: str,
    *,
    now_us: int,
    instance_id: int,
) -> int:
    """Request a callback of a task instance as `ask` does, unless this very request is there."""
    row = _row(dag_run_id, callback, reason, now_us, instance_id)
    of_request = (callback_request.c[name] == value for name, value in row.items())
    known = connection.execute(sa.select(callback_request.c.id).where(*of_request)).scalar()
    if known is not None:
        return int(known)
    return new_id(connection.execute(callback_request.insert().values(row)))


def ask(
    connection: sa.Connection,
    dag_run_id: int,
    callback: str,
    reason: str,
    *,
    now_us: int,
    instance_id: int | None = None,
) -> int:
    """Request a callback of a run or, where it is given, of a task instance; return its id.

    `callback` is an attribute's name such as "on_failure_callback", or that without its end.
    """
    row = _row(dag_run_id, callback, reason, now_us, instance_id)
    return new_id(connection.execute(callback_request.insert().values(row)))


def ask_alert(connection: sa.Connection, dag_run_id: int, reason: str, *, now_us: int) -> int:
    """Request what `[alerts]` sends of a run that failed; return the request's id."""
    row = {**_row(dag_run_id, "alert", reason, now_us, None), "kind": ALERT}
    return new_id(connection.execute(callback_request.insert().values(row)))


def _row(
    dag_run_id: int, callback: str, reason: str, now_us: int, instance_id: int | None
) -> dict[str, Any]:
    return {
        "kind": "dag" if instance_id is None else "task",
        "dag_run_id": dag_run_id,
        "task_instance_id": instance_id,
        "payload": json.dumps({"callback": callback, "reason": reason}),
        "created_us": now_us,
    }


def begin(connection: sa.Connection, request_id: int, now_us: int) -> Callback | None:
    """Mark a request as begun and return it; None if it was begun before, or its run is gone."""
    begun = connection.execute(
        callback_request.update()
        .where(callback_request.c.id == request_id, callback_request.c.started_us.is_(None))
        .values(started_us=now_us)
    ).rowcount
    row = connection.execute(
        sa.select(callback_request).where(callback_request.c.id == request_id)
    ).first()
    key = None if row is None else _key(connection, row)
    if not begun or row is None or key is None:
        return None
    payload = json.loads(row.payload)
    name = payload["callback"]
    return Callback(
        row.kind,
        name if name.endswith("_callback") else f"{name}_callback",
        payload.get("reason") or "",
        key,
        queued.find(connection, [key])[key.primary],
    )


def _key(connection: sa.Connection, row: Any) -> TaskInstanceKey | None:
    query = (
        sa.select(
            dag_run.c.dag_id,
            task_instance.c.task_id,
            dag_run.c.run_id,
            task_instance.c.try_number,
            task_instance.c.map_index,
            sa.func.coalesce(task_instance.c.attempt, ""),
        )
        .join(dag_run, dag_run.c.id == task_instance.c.dag_run_id)
        .where(dag_run.c.id == row.dag_run_id)
    )
    if row.task_instance_id is not None:
        query = query.where(task_instance.c.id == row.task_instance_id)
    failed_first = sa.case((task_instance.c.state == "failed", 0), else_=1)
    instance = connection.execute(
        query.order_by(failed_first, task_instance.c.end_us.desc(), task_instance.c.id).limit(1)
    ).first()
    return None if instance is None else TaskInstanceKey(*instance)


#: Requests that nobody has begun, the oldest first.
_OPEN = (
    sa.select(callback_request.c.id)
    .where(callback_request.c.started_us.is_(None))
    .order_by(callback_request.c.id)
)


def open_of(connection: sa.Connection, instance_ids: list[int]) -> list[int]:
    """Return the requests of these task instances that nobody has begun, the oldest first."""
    query = _OPEN.where(callback_request.c.task_instance_id.in_(instance_ids))
    return list(connection.execute(query).scalars())


def open_requests(connection: sa.Connection, whose: RunsOf) -> list[int]:
    """Return the requests of these runs that nobody has begun, the oldest first."""
    query = _OPEN.join(dag_run, dag_run.c.id == callback_request.c.dag_run_id)
    return list(connection.execute(query.where(whose.condition)).scalars())


def open_of_ended_jobs(connection: sa.Connection) -> list[int]:
    """Return the requests that nobody has begun of runs whose own job is over."""
    query = _OPEN.join(dag_run, dag_run.c.id == callback_request.c.dag_run_id)
    query = query.join(job, job.c.id == dag_run.c.job_id).where(job.c.state != "running")
    return list(connection.execute(query).scalars())


def end(connection: sa.Connection, request_id: int, now_us: int, error: str | None) -> None:
    """Record that a request was run, with the first error."""
    query = callback_request.update().where(callback_request.c.id == request_id)
    connection.execute(query.values(ended_us=now_us, error=error))


def give_up(connection: sa.Connection, request_id: int, now_us: int, error: str) -> None:
    """Record how a request's process ended, where it could not do so itself."""
    query = callback_request.update().where(
        callback_request.c.id == request_id, callback_request.c.ended_us.is_(None)
    )
    started = sa.func.coalesce(callback_request.c.started_us, now_us)
    connection.execute(query.values(started_us=started, ended_us=now_us, error=error))
