"""Why a task instance does not run: everything that holds it back, as data.

`tasks failed-deps` prints it. What decides is asked of the planner itself, over the store's rows.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import US_PER_S, iso
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.scheduler.passes.previous_run import read_facts
from airflow_lite.scheduler.planner.progress import Progress
from airflow_lite.scheduler.planner.readiness import (
    WAITS_FOR_PAST,
    WAITS_FOR_TIME,
    View,
    judge,
)
from airflow_lite.scheduler.recovery.live_jobs import live_jobs
from airflow_lite.scheduler.state.rows import read_run
from airflow_lite.states import FINISHED, SCHEDULABLE, DagRunState, TaskInstanceState
from airflow_lite.store import dags, listing, pools, runs, scheduling

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa
    from sqlalchemy import RowMapping

    from airflow_lite.config import Config
    from airflow_lite.scheduler.planner.instance import Instance
    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.recovery.live_jobs import LiveJobs
    from airflow_lite.spec.model import DagSpec, TaskSpec

#: So many tasks are named that come before, or that hold slots of a pool.
MOST_NAMED = 5
_LAST = frozenset({TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING})


class FailedDep(NamedTuple):
    """One thing that holds a task instance back: its name, Airflow's where it has one, and why."""

    name: str
    reason: str


class Asked(NamedTuple):
    """What is looked at: a task instance, its run with all instances, its DAG, who schedules."""

    run: Run
    run_row: RowMapping
    instance: Instance
    task: TaskSpec
    spec: DagSpec
    dag_row: dict[str, Any]
    schedulers: LiveJobs


def failed_deps(
    connection: sa.Connection,
    config: Config,
    run_row: RowMapping,
    instance_row: RowMapping,
    now_us: int,
) -> list[FailedDep]:
    """Return what holds a task instance back, by its rows and those of its run; empty: nothing.

    The same few statements whatever its state, but for a pool without room: who holds it. Raises
    `DagNotFound`, and `StoreError` where a definition cannot be read.
    """
    if instance_row["state"] in FINISHED:
        return [_is_over(run_row, instance_row)]
    dag_row = listing.the_dag(connection, run_row["dag_id"])
    known = dags.latest_spec(connection, run_row["dag_id"])
    task = None if known is None else known[1].tasks.get(instance_row["task_id"])
    if known is None or task is None:
        return [FailedDep("Task Instance State", "Its DAG does not have this task any more.")]
    (row,) = runs.run_rows(connection, [run_row["id"]])
    run = read_run(row, scheduling.instance_rows(connection, [run_row["id"]]))
    instance = run.instances[instance_row["task_id"], instance_row["map_index"]]
    schedulers = live_jobs(config, connection, kind="scheduler")
    asked = Asked(run, run_row, instance, task, known[1], dag_row, schedulers)
    found = list(_of_run(asked))
    if instance.state not in SCHEDULABLE:
        return [*found, *_has_begun(instance_row, now_us)]
    return [
        *found,
        *_before_it(connection, asked, now_us),
        *_limits(connection, asked, now_us),
    ]


def executor_says(config: Config, dag_id: str, run_id: str, instance: RowMapping) -> list[str]:
    """Return what the configured executor tells of an attempt that waits in its queue.

    It is asked in a child, which takes a second or some, at most 10.
    """
    from airflow_lite.logs.reading.executor_log import ExecutorLog
    from airflow_lite.logs.reading.try_rows import TryRows

    names = dag_id, instance["task_id"], run_id
    key = TaskInstanceKey(*names, instance["try_number"], instance["map_index"])
    with TryRows(config, key) as rows:
        notes = rows.notes()
        return [
            *notes,
            *(line.removeprefix("*** ") for line in ExecutorLog(config, rows).messages()),
        ]


def _is_over(run: RowMapping, instance: RowMapping) -> FailedDep:
    cause = f" ({instance['change_cause']})" if instance["change_cause"] else ""
    reason = (
        f"The task is in state {instance['state']!r}{cause}. To run it again:"
        f" airflow-lite tasks clear {run['dag_id']} -t '^{instance['task_id']}$'."
    )
    return FailedDep("Task Instance State", reason)


def _has_begun(instance: RowMapping, now_us: int) -> Iterator[FailedDep]:
    state = instance["state"]
    if state in _LAST:
        where = f" on {instance['hostname']}" if instance["hostname"] else ""
        since = _ago(instance["start_us"] or instance["queued_us"], now_us)
        yield FailedDep("Task Instance Not Running", f"It runs{where}, {since}.")
    elif state == TaskInstanceState.QUEUED:
        yield FailedDep(
            "Task Instance State",
            f"It is queued for {instance['executor']} in queue {instance['queue']!r},"
            f" {_ago(instance['queued_us'], now_us)}, and no worker has begun it.",
        )
    else:
        yield FailedDep("Task Instance State", f"The task is in state {state!r}.")


def _of_run(asked: Asked) -> Iterator[FailedDep]:
    """Yield what holds back whatever the run has: no scheduler, a pause, the run's own state."""
    dag_id, run = asked.run.dag_id, asked.run
    if asked.run_row["job_id"] is None:
        jobs = asked.schedulers
        if not jobs:
            yield FailedDep(
                "Scheduler Running", "No scheduler runs. Start one: airflow-lite scheduler."
            )
        elif not jobs.beating:
            yield FailedDep("Scheduler Running", str(jobs.silent[0]))
        if asked.dag_row["is_paused"]:
            reason = f"Task's DAG {dag_id!r} is paused: airflow-lite dags unpause {dag_id}."
            yield FailedDep("Dag Not Paused", reason)
        if not asked.dag_row["is_active"]:
            yield FailedDep("Dag Not Paused", f"No file has the DAG {dag_id!r} any more.")
    if run.state == DagRunState.QUEUED:
        yield FailedDep(
            "Dagrun Running",
            f"The run is queued: it starts when fewer than max_active_runs"
            f" ({asked.spec.max_active_runs}) of its DAG run.",
        )
    elif run.state != DagRunState.RUNNING:
        yield FailedDep("Dagrun Running", f"The run is over: its state is {run.state.value!r}.")


def _before_it(connection: sa.Connection, asked: Asked, now_us: int) -> Iterator[FailedDep]:
    """Yield what the planner waits for: tasks before it, the run before, a moment."""
    run, instance, task = asked.run, asked.instance, asked.task
    facts = read_facts(connection, run, asked.spec)
    progress = Progress(asked.spec, run.instances.values(), facts)
    verdict = judge(instance, View(run, progress, facts, now_us))
    if verdict is WAITS_FOR_PAST:
        yield FailedDep("Previous Dagrun State", _past(task))
    elif verdict is WAITS_FOR_TIME:
        yield _time(instance, now_us)
    elif verdict.state is not None:
        yield FailedDep(
            "Trigger Rule", f"It will not run, but become {verdict.state.value}: {verdict.reason}."
        )
    elif not verdict.runs:
        yield FailedDep("Trigger Rule", _rule(asked))


def _past(task: TaskSpec) -> str:
    rule = "wait_for_downstream" if task.wait_for_downstream else "depends_on_past"
    after = " with what follows it directly" if task.wait_for_downstream else ""
    return f"{rule} is true for this task, and in the run before it has not succeeded{after}."


def _time(instance: Instance, now_us: int) -> FailedDep:
    due_us = instance.next_at_us or now_us
    when = f"in {_minutes(due_us - now_us)}, at {iso(due_us // US_PER_S * US_PER_S)}"
    if instance.state == TaskInstanceState.UP_FOR_RETRY:
        tries = f"try {instance.try_number} of {instance.max_tries + 1}"
        return FailedDep("Not In Retry Period", f"After {tries} failed, it is tried again {when}.")
    return FailedDep("Ready To Reschedule", f"It looks again {when}.")


def _rule(asked: Asked) -> str:
    """Return which tasks before it are in which states, the unfinished first."""
    setups = asked.spec.indirect_setups.get(asked.task.task_id, ())
    names = {*asked.task.upstream, *setups, *asked.task.mapped_over}
    states: Counter[tuple[str, str]] = Counter()
    for above in asked.run.instances.values():
        is_paired = above.task_id in asked.task.pairwise
        if above.task_id in names and (
            not is_paired or above.map_index in (-1, asked.instance.map_index)
        ):
            states[above.task_id, above.state.value if above.state else "none"] += 1
    is_done = {state.value for state in FINISHED}
    ordered = sorted(states.items(), key=lambda item: (item[0][1] in is_done, item[0]))
    shown = [
        f"{name} is {state}" + (f" ({count} of its instances)" if count > 1 else "")
        for (name, state), count in ordered[:MOST_NAMED]
    ]
    more = f", and {len(ordered) - MOST_NAMED} more" if len(ordered) > MOST_NAMED else ""
    return (
        f"Task's trigger rule {asked.task.trigger_rule!r} is not met yet:"
        f" {', '.join(shown) or 'what is before it has no instances'}{more}."
    )


def _limits(connection: sa.Connection, asked: Asked, now_us: int) -> Iterator[FailedDep]:
    """Yield the limits that have no room for it, which hold once all else lets it go."""
    run, task = asked.run, asked.task
    counts = scheduling.active_counts(connection, run.dag_id)
    of_dag = sum(counts.values())
    of_task = sum(count for (_, name), count in counts.items() if name == task.task_id)
    of_run = counts.get((run.id, task.task_id), 0)
    if of_dag >= asked.spec.max_active_tasks:
        yield FailedDep(
            "Task Instance Slots Available",
            f"{of_dag} tasks of the DAG run, and its max_active_tasks is"
            f" {asked.spec.max_active_tasks}.",
        )
    for name, taken in (("max_active_tis_per_dag", of_task), ("max_active_tis_per_dagrun", of_run)):
        limit = getattr(task, name)
        if limit is not None and taken >= limit:
            reason = f"{taken} instances of the task run, and its {name} is {limit}."
            yield FailedDep("Task Concurrency", reason)
    if asked.run_row["job_id"] is None:  # as in Airflow, `dags test` goes by no pool
        yield from _pool(connection, asked.instance, now_us)
        yield from _slots(asked)


def _pool(connection: sa.Connection, instance: Instance, now_us: int) -> Iterator[FailedDep]:
    name, wanted = instance.pool, instance.pool_slots
    room = scheduling.pool_room(connection, sys.maxsize).get(name)
    if room is None:
        reason = f"There is no pool {name!r}: airflow-lite pools set {name} SLOTS DESCRIPTION."
        yield FailedDep("Pool Slots Available", reason)
    elif wanted > room.size:
        yield FailedDep(
            "Pool Slots Available",
            f"The task wants {wanted} slots of pool {name!r}, which has {room.size} in all.",
        )
    elif wanted > room.open:
        held = pools.holders(connection, name, MOST_NAMED + 1)
        shown = [_holder(row, now_us) for row in held[:MOST_NAMED]]
        more = ", and others" if len(held) > MOST_NAMED else ""
        yield FailedDep(
            "Pool Slots Available",
            f"The task wants {wanted} of pool {name!r}, and {max(room.open, 0)} of its"
            f" {room.size} slots are open. They are held by {', '.join(shown)}{more}.",
        )


def _holder(row: RowMapping, now_us: int) -> str:
    index = f"[{row['map_index']}]" if row["map_index"] >= 0 else ""
    slots = f"{row['pool_slots']} slots, " if row["pool_slots"] != 1 else ""
    name = f"{row['dag_id']}.{row['task_id']}{index} of {row['run_id']}"
    return f"{name} ({slots}{row['state']} {_ago(row['since_us'], now_us)})"


def _slots(asked: Asked) -> Iterator[FailedDep]:
    """Yield that the executor has no slots, as its scheduler told with its latest beat."""
    owner = asked.dag_row["owner_job_id"]
    job = next((row for row in asked.schedulers.beating if row.id == owner), None)
    if job is not None and job.open_slots is not None and job.open_slots < 1:
        yield FailedDep(
            "Executor Slots Available",
            f"{job.executor} has no open slots: {job.taken_slots or 0} attempts take all.",
        )


def _ago(moment_us: int | None, now_us: int) -> str:
    return "since just now" if moment_us is None else f"for {_minutes(now_us - moment_us)}"


def _minutes(span_us: int) -> str:
    """Return a span as `0:43`, minutes and seconds, or `2:00:05`."""
    minutes, seconds = divmod(max(span_us, 0) // US_PER_S, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
