"""What a run must know of the run before it, for depends_on_past and wait_for_downstream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.scheduler.planner.instance import Facts, Past
from airflow_lite.states import SUCCESS_STATES, TaskInstanceState
from airflow_lite.store import runs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.state.context import SchedulerContext
    from airflow_lite.spec.model import DagSpec

#: Task id -> the states of its instances.
States = dict[str, list[TaskInstanceState | None]]
_NOTHING = Facts()


def facts_of(context: SchedulerContext, run: Run, dag: DagSpec) -> Facts:
    """Return what `advance` must know beyond the run; reads the store only where a task asks."""
    asking = dag.tasks_asking_past
    if not asking:
        return _NOTHING
    task_ids = {task.task_id for task in asking}
    task_ids.update(name for task in asking for name in task.downstream)
    states = _states_before(context, run, task_ids)
    if states is None:
        return _NOTHING
    pasts = {task.task_id: _past(states, task.task_id, task.downstream) for task in asking}
    return Facts({task_id: past for task_id, past in pasts.items() if past is not None})


def _states_before(context: SchedulerContext, run: Run, task_ids: Iterable[str]) -> States | None:
    with context.store.read() as connection:
        before = runs.run_before(connection, run.dag_id, run.logical_us)
        if before is None:
            return None
        rows = runs.states_in_run(connection, before, task_ids)
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
