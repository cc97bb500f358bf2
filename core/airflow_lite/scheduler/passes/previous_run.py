"""What a run must know of the run before it, for depends_on_past and wait_for_downstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.scheduler.planner.instance import Facts, Past
from airflow_lite.states import SUCCESS_STATES, TaskInstanceState
from airflow_lite.store import runs

if TYPE_CHECKING:
    from collections.abc import Iterable

    import sqlalchemy as sa

    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.spec.model import DagSpec, TaskSpec

#: Task id -> the states of its instances.
States = dict[str, list[TaskInstanceState | None]]
_NOTHING = Facts()
#: Of a task that the run before was too early for: nothing to wait for.
_NOT_YET = Past(TaskInstanceState.SUCCESS, downstream_done=True)


def facts_of(context: SchedulerContext, run: Run, dag: DagSpec) -> Facts:
    """Return what `advance` must know beyond the run; reads the store only where a task asks."""
    if not dag.tasks_asking_past or context.ignores_past(run):
        return _NOTHING
    with context.store.read() as connection:
        return read_facts(connection, run, dag)


def read_facts(connection: sa.Connection, run: Run, dag: DagSpec) -> Facts:
    """Return what `advance` must know beyond the run."""
    asking = dag.tasks_asking_past
    if not asking:
        return _NOTHING
    task_ids = {task.task_id for task in asking}
    task_ids.update(name for task in asking for name in task.downstream)
    before = runs.run_before(connection, run.dag_id, run.logical_us, of_schedule=dag.catchup)
    if before is None:
        return _NOTHING
    states = _states(runs.states_in_run(connection, before.id, task_ids))
    pasts = {
        task.task_id: _NOT_YET
        if _begins_later(task, dag, before.logical_us)
        else _past(states, task.task_id, task.downstream)
        for task in asking
    }
    return Facts({task_id: past for task_id, past in pasts.items() if past is not None})


def _begins_later(task: TaskSpec, dag: DagSpec, before_us: int) -> bool:
    """Whether the run before is from before the task's first date: with catchup that counts."""
    starts = [date for date in (task.start_date_us, dag.start_date_us) if date is not None]
    return dag.catchup and any(before_us < date for date in starts)


def _states(rows: Iterable[Any]) -> States:
    states: States = {}
    for row in rows:
        state = None if row.state is None else TaskInstanceState(row.state)
        states.setdefault(row.task_id, []).append(state)
    return states


def _past(states: States, task_id: str, downstream: Iterable[str]) -> Past | None:
    if task_id not in states:
        return None
    done = all(state in SUCCESS_STATES for name in downstream for state in states.get(name, ()))
    return Past(_worst(states[task_id]), done)


def _worst(states: list[TaskInstanceState | None]) -> TaskInstanceState | None:
    """Return the state of a task's instances as one: any that is no success decides."""
    return next((state for state in states if state not in SUCCESS_STATES), states[0])
