"""The tasks of a DAG or in queues as executors are told of them, for the commands of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.config import Config


def tasks_of_dag(
    args: argparse.Namespace, dag_id: str, logical_date: str | None = None
) -> list[TaskInstance]:
    """Return each task of a DAG as an executor would be handed it, in their order.

    `args` are those of the command that asks, with its configuration and `--subdir`. The run's id
    is that of a manual run at `logical_date`, in ISO 8601; None is now. A mapped task comes once.
    Raises `UserError`.
    """
    from argparse import ArgumentTypeError

    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.cli import resolve
    from airflow_lite.cli.types import moment
    from airflow_lite.clock import SystemClock, iso
    from airflow_lite.errors import UserError

    try:
        date = None if logical_date is None else moment(logical_date)
    except ArgumentTypeError as error:
        raise UserError(f"LOGICAL_DATE: {error}.") from None
    moment_us = resolve.to_us(args, date)
    logical_us = SystemClock().now_us() if moment_us is None else moment_us
    run_id = f"manual__{iso(logical_us)}"
    return [
        TaskInstance(
            dag_id,
            task.task_id,
            run_id,
            queue=task.queue,
            pool=task.pool,
            pool_slots=task.pool_slots,
            priority_weight=task.priority_weight,
            executor_config=task.executor_config,
        )
        for task in resolve.the_dag(args, dag_id).spec.tasks.values()
    ]


def queued_tasks(config: Config, executor: str) -> dict[str, int]:
    """Return each queue in which task instances are queued for an executor, and how many.

    `executor` is its name, or that of a half. Its commands, health check and web panels can tell
    of queues that nobody hears by it. Raises `StoreError` where the metadata database cannot be
    used; one that is not there is not made.
    """
    from contextlib import closing

    from airflow_lite.store import migrate, scheduling
    from airflow_lite.store.engine import open_store

    if not migrate.is_made(config):
        return {}
    with closing(open_store(config, name="plugin")) as store, store.read() as connection:
        return scheduling.waiting_by_queue(connection, executor)
