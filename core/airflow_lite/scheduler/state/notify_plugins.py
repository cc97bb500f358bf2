"""What plugins are told while a scheduler runs; nothing is made where no plugin listens."""

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

    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.scheduler.executor.driver import QueueItem
    from airflow_lite.scheduler.planner.instance import Instance
    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.state.context import World


def executor_started(world: World) -> None:
    """Tell that the executor is ready for work."""
    if world.announce is not None:
        parallelism = world.config.getint("core", "parallelism")
        event = ExecutorStarted(world.executor_name, parallelism, world.clock.now_us())
        world.announce("on_executor_started", event)


def executor_looked_at(world: World) -> None:
    """Tell how much the executor has to do."""
    if world.announce is not None:
        slots, occupied = world.runner.slots_available, len(world.owned.active)
        event = ExecutorHeartbeat(world.executor_name, slots, occupied, world.clock.now_us())
        world.announce("on_executor_heartbeat", event)


def executor_ended(world: World, *, clean: bool) -> None:
    """Tell that the executor has stopped."""
    if world.announce is not None:
        event = ExecutorEnded(world.executor_name, clean, world.clock.now_us())
        world.announce("on_executor_ended", event)


def tasks_queued(world: World, items: Iterable[QueueItem]) -> None:
    """Tell that attempts were handed to the executor."""
    if world.announce is not None:
        now_us = world.clock.now_us()
        for item in items:
            seen = item.task_instance
            event = TaskQueued(seen.key, seen.queue, item.priority, now_us)
            world.announce("on_task_queued", event)


def task_running(world: World, key: TaskInstanceKey) -> None:
    """Tell that an attempt's code runs."""
    if world.announce is not None:
        world.announce("on_task_running", TaskRunning(key, world.clock.now_us()))


def task_finished(world: World, run: Run, instance: Instance) -> None:
    """Tell that an attempt ended, and what its task instance is now."""
    if world.announce is not None:
        key = world.as_seen(run, instance).key
        state = str(instance.state) if instance.state is not None else "none"
        world.announce("on_task_finished", TaskFinished(key, state, world.clock.now_us()))
