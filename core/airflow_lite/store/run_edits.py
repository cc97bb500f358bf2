"""What users decide of a whole run: stopped, failed, successful, queued again.

As in `edits`, the tokens of attempts stay: whoever runs one sees the mark, and ends it. The
caller rings the doorbell after the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from airflow_lite.states import FINISHED, RUN_FINISHED, DagRunState, TaskInstanceState
from airflow_lite.store.edits import ACTOR, raise_row_versions
from airflow_lite.store.schema import UNFINISHED_RUN, dag_run, task_instance

if TYPE_CHECKING:
    from collections.abc import Collection

#: What Airflow counts as running where a run is marked: the rest that is not over is pending.
_BEGUN = (
    TaskInstanceState.RUNNING,
    TaskInstanceState.RESTARTING,
    TaskInstanceState.DEFERRED,
    TaskInstanceState.UP_FOR_RESCHEDULE,
)
_ti = task_instance.c
_IS_BEGUN = _ti.state.in_([str(state) for state in _BEGUN])
_IS_PENDING = sa.or_(
    _ti.state.is_(None), _ti.state.not_in([str(state) for state in (*_BEGUN, *FINISHED)])
)


def stop(connection: sa.Connection, run_row_id: int, *, now_us: int, actor: str = ACTOR) -> int:
    """Fail a run and all that runs of it, at once; return how many instances were ended.

    What had not begun is skipped. Nothing of it runs any more, teardowns neither.
    """
    how = ("the run was stopped", now_us, actor)
    ended = _mark(connection, run_row_id, _IS_BEGUN, "failed", *how)
    ended += _mark(connection, run_row_id, _IS_PENDING, "skipped", *how)
    _set_state(connection, run_row_id, DagRunState.FAILED, now_us)
    return ended


def set_failed(
    connection: sa.Connection,
    run_row_id: int,
    teardowns: Collection[str],
    *,
    now_us: int,
    actor: str = ACTOR,
) -> bool:
    """Fail a run and its tasks but for `teardowns`; False where it goes on until these ended.

    As Airflow does it, but that pending tasks then count as failed: else the run might end well.
    """
    is_normal = _ti.task_id.not_in(list(teardowns))
    waits = _has_open(connection, run_row_id, teardowns)
    how = ("the run was marked failed", now_us, actor)
    rest = "upstream_failed" if waits else "skipped"
    _mark(connection, run_row_id, is_normal & _IS_BEGUN, "failed", *how)
    _mark(connection, run_row_id, is_normal & _IS_PENDING, rest, *how)
    return _end_unless(connection, run_row_id, DagRunState.FAILED, now_us, waits=waits)


def set_success(
    connection: sa.Connection,
    run_row_id: int,
    teardowns: Collection[str],
    *,
    now_us: int,
    actor: str = ACTOR,
) -> bool:
    """Give a run and its tasks but for `teardowns` success; False where it goes on for these."""
    others = _ti.task_id.not_in(list(teardowns)) & _ti.state.is_distinct_from("removed")
    how = ("the run was marked success", now_us, actor)
    _mark(connection, run_row_id, others, "success", *how)
    waits = _has_open(connection, run_row_id, teardowns)
    return _end_unless(connection, run_row_id, DagRunState.SUCCESS, now_us, waits=waits)


def set_queued(connection: sa.Connection, run_row_id: int, *, now_us: int) -> bool:
    """Queue a run that was over again, its tasks as they are; False where it is not over."""
    over = dag_run.c.state.in_([str(state) for state in RUN_FINISHED])
    values = {"state": "queued", "queued_us": now_us, "start_us": None, "end_us": None}
    update = dag_run.update().where(dag_run.c.id == run_row_id, over)
    changed = connection.execute(update.values(**values, job_id=None)).rowcount
    raise_row_versions(connection, [run_row_id])
    return bool(changed)


def _mark(
    connection: sa.Connection,
    run_row_id: int,
    which: sa.ColumnElement[bool],
    state: str,
    cause: str,
    now_us: int,
    actor: str = ACTOR,
) -> int:
    update = task_instance.update().where(
        _ti.dag_run_id == run_row_id, which, _ti.state.is_distinct_from(state)
    )
    values = {
        "state": state,
        "end_us": now_us,
        "next_at_us": None,
        "changed_by": actor,
        "change_cause": cause,
        "changed_at_us": now_us,
    }
    return connection.execute(update.values(values)).rowcount


def _has_open(connection: sa.Connection, run_row_id: int, task_ids: Collection[str]) -> bool:
    query = sa.select(_ti.id).where(
        _ti.dag_run_id == run_row_id, _ti.task_id.in_(list(task_ids)), _IS_BEGUN | _IS_PENDING
    )
    return connection.execute(query.limit(1)).first() is not None


def _end_unless(
    connection: sa.Connection, run_row_id: int, state: DagRunState, now_us: int, *, waits: bool
) -> bool:
    """End the run, unless teardowns of it are to run and it is under way."""
    query = sa.select(dag_run.c.id).where(dag_run.c.id == run_row_id, UNFINISHED_RUN)
    if waits and connection.execute(query).first() is not None:
        raise_row_versions(connection, [run_row_id])
        return False
    _set_state(connection, run_row_id, state, now_us)
    return True


def _set_state(connection: sa.Connection, run_row_id: int, state: DagRunState, now_us: int) -> None:
    update = dag_run.update().where(dag_run.c.id == run_row_id, dag_run.c.state != str(state))
    connection.execute(update.values(state=str(state), end_us=now_us))
    raise_row_versions(connection, [run_row_id])


def note_run(connection: sa.Connection, run_row_id: int, note: str | None) -> None:
    """Note a text on a run, in place of what was noted."""
    connection.execute(dag_run.update().where(dag_run.c.id == run_row_id).values(note=note))


def note_instance(connection: sa.Connection, instance_row_id: int, note: str | None) -> None:
    """Note a text on a task instance, in place of what was noted."""
    connection.execute(task_instance.update().where(_ti.id == instance_row_id).values(note=note))
