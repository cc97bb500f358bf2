"""Tell whether a task instance may run, must wait, or ends without running. Pure.

`trigger_rules` has the part of its upstream in that; dates, skips and the past come in here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.scheduler.planner.trigger_rules import RuleOutcome, decide, ends
from airflow_lite.states import FINISHED, SUCCESS_STATES, DagRunType, TaskInstanceState

if TYPE_CHECKING:
    from airflow_lite.scheduler.planner.instance import Facts, Instance
    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.planner.progress import Progress
    from airflow_lite.spec.model import TaskSpec

GONE = ends(TaskInstanceState.REMOVED, "the DAG has this task no longer")
TOO_EARLY = ends(TaskInstanceState.SKIPPED, "the run is before the task's start_date")
TOO_LATE = ends(TaskInstanceState.SKIPPED, "the run is after the task's end_date")
#: The rule is met, and yet: another run must end first, or a moment must come.
WAITS_FOR_PAST = RuleOutcome(runs=False, reason="the task's previous run is not done")
WAITS_FOR_RESULT = RuleOutcome(runs=False, reason="what it is mapped over was removed")
WAITS_FOR_TIME = RuleOutcome(runs=False, reason="its time has not come")

_TIMED = frozenset({TaskInstanceState.UP_FOR_RETRY, TaskInstanceState.UP_FOR_RESCHEDULE})


class View(NamedTuple):
    """What is looked at: a run with what is counted of it, and what is known beyond."""

    run: Run
    progress: Progress
    facts: Facts
    now_us: int


def judge(instance: Instance, view: View) -> RuleOutcome:
    """Return what becomes of an instance that has not begun, or waits to be run again."""
    task = view.progress.dag.tasks.get(instance.task_id)
    if task is None:
        return GONE
    if (outside := _outside_dates(task, view.run)) is not None:
        return outside
    if (skipper := view.progress.skipper(instance.key)) is not None:
        return ends(TaskInstanceState.SKIPPED, f"skipped by {skipper!r}")
    upstream, setups = view.progress.above(instance, view.run)
    verdict = decide(task.trigger_rule, upstream, setups, instance.map_index)
    if verdict.state is None and (unmappable := _by_mapped_over(task, view.run)) is not None:
        return unmappable
    return _in_time(task, instance, view, verdict) if verdict.runs else verdict


def _outside_dates(task: TaskSpec, run: Run) -> RuleOutcome | None:
    starts_us, ends_us = task.start_date_us, task.end_date_us
    backfill = run.run_type == DagRunType.BACKFILL_JOB
    if starts_us is not None and run.logical_us < starts_us and not backfill:
        return TOO_EARLY
    return TOO_LATE if ends_us is not None and run.logical_us > ends_us else None


def _by_mapped_over(task: TaskSpec, run: Run) -> RuleOutcome | None:
    """Return what follows where a task that it is mapped over did not succeed.

    That holds whatever the trigger rule, unless that has ended the instance itself.

    Of one that is mapped itself that is known of all its instances only before it has them.
    """
    ended = {
        instance.state: name
        for name in task.mapped_over
        if (instance := run.instances.get((name, -1))) is not None and instance.state in FINISHED
    }
    if not ended.keys() - {TaskInstanceState.SUCCESS}:
        return None
    for state in (TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED):
        if state in ended:
            reason = f"{ended[state]!r}, which it is mapped over, failed"
            return ends(TaskInstanceState.UPSTREAM_FAILED, reason)
    if (name := ended.get(TaskInstanceState.SKIPPED)) is not None:
        return ends(TaskInstanceState.SKIPPED, f"{name!r}, which it is mapped over, was skipped")
    return WAITS_FOR_RESULT


def _in_time(task: TaskSpec, instance: Instance, view: View, verdict: RuleOutcome) -> RuleOutcome:
    if _past_holds(task, view.facts):
        return WAITS_FOR_PAST
    due_us = instance.next_at_us
    if instance.state in _TIMED and due_us is not None and due_us > view.now_us:
        return WAITS_FOR_TIME
    return verdict


def _past_holds(task: TaskSpec, facts: Facts) -> bool:
    if facts.past is None or not (task.depends_on_past or task.wait_for_downstream):
        return False
    past = facts.past.get(task.task_id)
    if past is None:
        return not task.ignore_first_depends_on_past
    if past.state not in SUCCESS_STATES:
        return True
    return task.wait_for_downstream and not past.downstream_done
