"""What plugins and figures are told while a scheduler runs; nothing is made where none listens.

A new event has its class in `api.listener_events`, its hook in `api.hookspecs`, its public name in
`hooks`, and a function here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.api.listener_events import (
    ExecutorEnded,
    ExecutorHeartbeat,
    ExecutorStarted,
    TaskFinished,
    TaskQueued,
    TaskRunning,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_lite.executors.driving.driver import QueueItem
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.scheduler.planner.instance import Instance
    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.state.context import SchedulerContext


def executor_started(context: SchedulerContext) -> None:
    """Tell that the executor is ready for work."""
    if context.announce is not None:
        parallelism = context.config.getint("core", "parallelism")
        event = ExecutorStarted(context.executor_name, parallelism, context.clock.now_us())
        context.announce("on_executor_started", event)


def executor_heartbeat(context: SchedulerContext) -> None:
    """Tell how much the executor has to do."""
    if context.announce is not None:
        slots, occupied = context.runner.slots_available, len(context.memory.attempts)
        now_us, load = context.clock.now_us(), context.runner.load
        event = ExecutorHeartbeat(context.executor_name, slots, occupied, now_us, *load)
        context.announce("on_executor_heartbeat", event)


def executor_ended(context: SchedulerContext, *, clean: bool) -> None:
    """Tell that the executor has stopped."""
    if context.announce is not None:
        event = ExecutorEnded(context.executor_name, clean, context.clock.now_us())
        context.announce("on_executor_ended", event)


def tasks_queued(context: SchedulerContext, items: Iterable[QueueItem]) -> None:
    """Tell that attempts were handed to the executor."""
    if context.announce is not None:
        now_us = context.clock.now_us()
        for item in items:
            ti = item.task_instance
            event = TaskQueued(ti.key, ti.queue, item.priority, now_us)
            context.announce("on_task_queued", event)


def task_running(context: SchedulerContext, key: TaskInstanceKey) -> None:
    """Tell that an attempt's code runs."""
    if context.figures is not None:
        active = context.memory.find_attempt(key.attempt)
        queued_us = None if active is None else active.instance.queued_us
        context.figures.task_running(key, queued_us, context.clock.now_us())
    if context.announce is not None:
        context.announce("on_task_running", TaskRunning(key, context.clock.now_us()))


def task_finished(
    context: SchedulerContext, run: Run, instance: Instance, took_us: int | None
) -> None:
    """Tell that an attempt ended, what its task instance is now, and how long its try took."""
    if context.announce is None and context.figures is None:
        return
    key = context.task_instance_of(run, instance).key
    state = str(instance.state) if instance.state is not None else "none"
    if context.figures is not None:
        context.figures.task_finished(key, state, took_us)
    if context.announce is not None:
        context.announce("on_task_finished", TaskFinished(key, state, context.clock.now_us()))
