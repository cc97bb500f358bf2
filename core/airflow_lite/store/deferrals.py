"""Task instances that are deferred: what they wait for, and how they go on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from airflow_lite.spec.deferral import FAIL, failure_kwargs
from airflow_lite.store import callbacks, xcom_values
from airflow_lite.store.batches import in_order, is_one_of, run_many, select_many
from airflow_lite.store.schema import DEFERRED_INSTANCE, dag_run, job, task_instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_lite.store.runs import Row

_ti = task_instance.c
_WAITING = (
    sa.select(
        _ti.id,
        _ti.attempt,
        _ti.trigger_spec,
        _ti.next_kwargs,
        dag_run.c.dag_id,
        _ti.task_id,
        dag_run.c.run_id,
        _ti.try_number,
        _ti.map_index,
    )
    .join(dag_run, dag_run.c.id == _ti.dag_run_id)
    .where(DEFERRED_INSTANCE)
)
_WAITING_BY_ID = _WAITING.where(is_one_of(_ti.id))


def waiting(connection: sa.Connection, ids: Iterable[int]) -> list[Row]:
    """Return those of these task instances that are deferred, with what they wait for."""
    return select_many(connection, _WAITING_BY_ID, ids)


_SAME = (
    _ti.id == bindparam("row"),
    _ti.state == "deferred",
    _ti.attempt == bindparam("token"),
)
_CHANGED: dict[str, Any] = {
    "trigger_spec": None,
    "triggerer_id": None,
    "next_at_us": None,
    "changed_by": bindparam("actor"),
    "change_cause": bindparam("cause"),
    "changed_at_us": bindparam("now_us"),
}
_RESUME = (
    task_instance.update()
    .where(*_SAME)
    .values(
        state="scheduled",
        next_method=sa.func.coalesce(bindparam("method", type_=sa.String), _ti.next_method),
        next_kwargs=bindparam("kwargs"),
        **_CHANGED,
    )
)
_END = (
    task_instance.update()
    .where(*_SAME)
    .values(
        state=bindparam("to_state"),
        end_us=bindparam("now_us"),
        next_method=None,
        next_kwargs=None,
        **_CHANGED,
    )
)


def resume(
    connection: sa.Connection, payloads: Mapping[tuple[int, str], str], actor: str, now_us: int
) -> None:
    """Let deferred instances go on with what their triggers found, by row and token.

    A payload is JSON text. An instance that is not deferred any more, or under another token, is
    left alone: whoever came first has written.
    """
    rows = [
        {
            **_change(row, actor, now_us, "its trigger fired"),
            "method": None,
            "kwargs": _with_event(row.next_kwargs, payloads[row.id, row.attempt]),
        }
        for row in waiting(connection, [row_id for row_id, _ in payloads])
        if (row.id, row.attempt) in payloads
    ]
    run_many(connection, _RESUME, in_order(rows, "row"))


def _change(row: Row, actor: str, now_us: int, cause: str) -> dict[str, Any]:
    return {"row": row.id, "token": row.attempt, "actor": actor, "cause": cause, "now_us": now_us}


def _with_event(kwargs: str | None, payload: str) -> str:
    try:
        known = json.loads(kwargs or "{}")
    except ValueError:  # somebody wrote to the row: the method will miss its arguments
        known = None
    return json.dumps({**(known if isinstance(known, dict) else {}), "event": json.loads(payload)})


def fail(
    connection: sa.Connection,
    tracebacks: Mapping[tuple[int, str], Sequence[str]],
    actor: str,
    now_us: int,
) -> None:
    """Let deferred instances go on only to fail, as their triggers did, by row and token."""
    rows = [
        {
            "row": row_id,
            "token": token,
            "actor": actor,
            "cause": "its trigger failed",
            "now_us": now_us,
            "method": FAIL,
            "kwargs": failure_kwargs([*traceback]),
        }
        for (row_id, token), traceback in tracebacks.items()
    ]
    run_many(connection, _RESUME, in_order(rows, "row"))


_OWNER = (
    sa.select(dag_run.c.id, _ti.task_id, _ti.map_index)
    .join(dag_run, dag_run.c.id == _ti.dag_run_id)
    .where(_ti.id == bindparam("row"))
)
_CALLBACKS = {"success": "on_success", "failed": "on_failure"}


def end(
    connection: sa.Connection,
    key: tuple[int, str],
    state: str,
    xcoms: Mapping[str, str],
    actor: str,
    now_us: int,
) -> None:
    """End a deferred instance, by row and token, as its trigger decided; ask for its callback.

    XComs are JSON text by key. One that is not deferred any more is left alone.
    """
    row_id, token = key
    cause = "its trigger ended the task"
    row = {"row": row_id, "token": token, "actor": actor, "cause": cause, "now_us": now_us}
    if not run_many(connection, _END, [{**row, "to_state": state}]):
        return
    run_id, task_id, map_index = connection.execute(_OWNER, {"row": row_id}).one()
    values = [
        xcom_values.XComValue(run_id, task_id, map_index, name, text)
        for name, text in xcoms.items()
    ]
    xcom_values.put(connection, values, now_us)
    if state in _CALLBACKS:
        callbacks.ask(
            connection, run_id, _CALLBACKS[state], cause, now_us=now_us, instance_id=row_id
        )


_FREE = (
    sa.select(_ti.id, _ti.triggerer_id)
    .outerjoin(job, sa.and_(job.c.id == _ti.triggerer_id, job.c.state == "running"))
    .where(DEFERRED_INSTANCE, job.c.id.is_(None))
    .order_by(_ti.id)
)
_CLAIM = (
    task_instance.update()
    .where(
        _ti.id == bindparam("row"),
        _ti.state == "deferred",
        _ti.triggerer_id.is_not_distinct_from(bindparam("was", type_=sa.BigInteger)),
    )
    .values(triggerer_id=bindparam("job_id"))
)
_MINE = _WAITING.where(_ti.triggerer_id == bindparam("job_id"))


def claim(connection: sa.Connection, job_id: int, most: int) -> list[Row]:
    """Take what no running triggerer runs, up to `most` in all; return all that is taken then.

    The rows are those of `waiting`.
    """
    mine = list(connection.execute(_MINE, {"job_id": job_id}))
    if len(mine) < most:
        free = connection.execute(_FREE.limit(most - len(mine))).all()
        rows = [{"row": row.id, "was": row.triggerer_id, "job_id": job_id} for row in free]
        if run_many(connection, _CLAIM, in_order(rows, "row")):
            mine = list(connection.execute(_MINE, {"job_id": job_id}))
    return mine
