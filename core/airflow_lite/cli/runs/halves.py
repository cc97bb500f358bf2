"""Which half of a hybrid executor gets each task of a DAG, for the commands of hybrids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from airflow_lite.api.executor.routes import Routes
    from airflow_lite.spec.model import TaskSpec


def print_halves(args: argparse.Namespace, dag_id: str) -> None:
    """Print each task of a DAG with the half of the configured hybrid that gets it, and why.

    `args` are those of the command that asks: its configuration, `output` and `columns` hold.
    Raises `UserError` where the configured executor has no halves.
    """
    from airflow_lite.cli import context, resolve
    from airflow_lite.cli.output import print_rows
    from airflow_lite.errors import UserError
    from airflow_lite.plugins.executors import load_executor

    config = context.config(args)
    executor = load_executor(config)
    if executor.routes is None:
        raise UserError(
            f"{executor.name} has no halves. Set [core] executor to a hybrid, such as "
            "LocalKubernetesExecutor, or give it by --executor."
        )
    tasks = resolve.the_dag(args, dag_id).spec.tasks.values()
    print_rows(
        [_row(task, executor.routes) for task in tasks],
        args.output,
        columns=args.columns,
        shown=("task_id", "queue", "half", "why"),
    )


def _row(task: TaskSpec, routes: Routes) -> dict[str, Any]:
    half = "" if task.is_empty else routes.half_of(task.queue, task.executor)
    return {
        "task_id": task.task_id,
        "queue": task.queue,
        "executor": task.executor or "",
        "half": half,
        "why": _why(task, routes),
    }


def _why(task: TaskSpec, routes: Routes) -> str:
    if task.is_empty:
        return "it has nothing to run"
    if task.executor in routes.names:
        return f"executor={task.executor!r}"
    if task.queue in routes.queues:
        return f"queue {task.queue!r}"
    return f"queue {task.queue!r} is none of {', '.join(map(repr, routes.queues)) or 'the others'}"
