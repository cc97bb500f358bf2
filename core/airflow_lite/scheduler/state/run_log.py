"""What is said of runs and tries: in the scheduler's log, to whoever follows it, or counts runs.

A failed try, a lost one among them, is always told, with its cause; ends that went well and
retries only where `[scheduler] log_runs` says so. The history of a task has the same causes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_lite.clock import US_PER_S, iso
from airflow_lite.states import DagRunState, TaskInstanceState

if TYPE_CHECKING:
    from airflow_lite.scheduler.planner.instance import Instance
    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.state.context import SchedulerContext

logger = logging.getLogger(__name__)

#: Most characters of a cause in a line, and most tasks that one names.
_MOST_LETTERS, _MOST_TASKS = 300, 5
_REASONS = {
    "timed_out": "it exceeded dagrun_timeout",
    "all_tasks_deadlocked": "no task of it can run any more",
}


def try_line(key: tuple[str, str, int, int], state: str | None, cause: str | None = None) -> str:
    """Return the line for whoever follows a run; `key` is DAG, task, map index and try."""
    dag_id, task_id, map_index, number = key
    index = f"[{map_index}]" if map_index >= 0 else ""
    why = f": {_short(cause)}" if cause and state in _FAILED_TRY else ""
    return f"{dag_id}.{task_id}{index} try {number}: {state or 'cleared'}{why}"


_FAILED_TRY = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UP_FOR_RETRY})


def _tell_try(context: SchedulerContext, run: Run, line: str) -> None:
    """Tell whoever follows of a try; of one of several runs, of which it is."""
    context.tell(line if context.backfill is None else f"{run.run_id} {line}")


def try_queued(context: SchedulerContext, run: Run, instance: Instance, *, is_new: bool) -> None:
    """Say that an attempt is queued; `is_new`: it begins a try."""
    _tell_try(context, run, try_line(_key(run, instance), instance.state))
    if is_new and instance.try_number > 1 and context.settings.log_runs:
        _log(context, logging.INFO, "%s: queued again", _name(run, instance))


def try_ended(context: SchedulerContext, run: Run, instance: Instance, cause: str | None) -> None:
    """Say what a task instance is after a try; `cause` as its row has it."""
    _tell_try(context, run, try_line(_key(run, instance), instance.state, cause))
    why = f": {_short(cause)}" if cause else ""
    if instance.state == TaskInstanceState.FAILED:
        _log(context, logging.ERROR, "%s: failed%s", _name(run, instance), why)
    elif instance.state == TaskInstanceState.UP_FOR_RETRY:
        again = f"; again at {iso(instance.next_at_us)}" if instance.next_at_us else ""
        name = _name(run, instance)
        _log(context, logging.WARNING, "%s: failed, to be retried%s%s", name, why, again)


def try_requeued(context: SchedulerContext, run: Run, instance: Instance, reason: str) -> None:
    """Say that an attempt which nobody claimed is taken back: its try gets another one."""
    line = try_line(_key(run, instance), "scheduled")
    _tell_try(context, run, f"{line} again: {_short(reason)}")
    name = _name(run, instance)
    _log(context, logging.WARNING, "%s: %s; it is queued again", name, _short(reason))


def instances_replaced(context: SchedulerContext, before: Run, after: Run) -> None:
    """Say which tries of a run have failed, as it was loaded again, since it was seen last."""
    for key, instance in after.instances.items():
        old = before.instances.get(key)
        if instance.state not in _FAILED_TRY or old is None:
            continue
        if (old.state, old.attempt) != (instance.state, instance.attempt):
            try_ended(context, after, instance, instance.change_cause)


def dag_paused(dag_id: str, most: int) -> None:
    """Say that a DAG was paused, since its last `most` runs failed."""
    runs = f"{most} runs" if most > 1 else "run"
    logger.warning(
        "DAG %r is paused, since its last %s failed: that is its max_consecutive_failed_dag_runs."
        " Let it go on with `airflow-lite dags unpause %s`.",
        dag_id,
        runs,
        dag_id,
    )


def run_ended(context: SchedulerContext, run: Run, state: str, reason: str | None) -> None:
    """Say that a run has ended; `reason` as `advance` gives it, or as a user does."""
    context.tell(f"run {run.run_id} of {run.dag_id}: {state}")
    if context.figures is not None:
        context.figures.run_ended(run, state, context.clock.now_us())
    took = ""
    if run.start_us is not None:
        took = f" after {max(context.clock.now_us() - run.start_us, 0) / US_PER_S:.1f} s"
    name = f"run {run.run_id} of {run.dag_id}"
    if state == DagRunState.FAILED:
        _log(context, logging.ERROR, "%s: failed%s: %s", name, took, why_failed(run, reason))
    elif context.settings.log_runs:
        _log(context, logging.INFO, "%s: %s%s", name, state, took)


def _log(context: SchedulerContext, level: int, message: str, *values: object) -> None:
    """Log a line; not of `dags test`, whose user follows the run and has been told."""
    if context.scope is None:
        logger.log(level, message, *values)


def why_failed(run: Run, reason: str | None) -> str:
    """Return in words why a run failed; `reason` as `advance` gives it."""
    if reason != "task_failure":
        return _REASONS.get(reason or "", reason or "its state was set by hand")
    failed = [
        _task(instance)
        for instance in run.instances.values()
        if instance.state == TaskInstanceState.FAILED
    ]
    more = f" and {len(failed) - _MOST_TASKS} more" if len(failed) > _MOST_TASKS else ""
    return f"{', '.join(failed[:_MOST_TASKS]) or 'a task'}{more} failed"


def _key(run: Run, instance: Instance) -> tuple[str, str, int, int]:
    return run.dag_id, instance.task_id, instance.map_index, instance.try_number


def _name(run: Run, instance: Instance) -> str:
    tries = max(instance.max_tries + 1, instance.try_number)
    task = f"{run.dag_id}.{_task(instance)} of {run.run_id}"
    return f"{task}, try {instance.try_number} of {tries}"


def _task(instance: Instance) -> str:
    index = f"[{instance.map_index}]" if instance.map_index >= 0 else ""
    return f"{instance.task_id}{index}"


def _short(cause: str | None) -> str:
    text = " ".join((cause or "").split())
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"
