"""`airflow-lite tasks run`: one attempt. Where it is queued already, without SQLAlchemy so far.

So the base zygote is forked from this process, and need not be an interpreter of its own.
"""

from __future__ import annotations

from airflow_lite.cli import context
from airflow_lite.errors import UserError
from airflow_lite.keys import RunCommand, TaskInstanceKey, check_id, check_run_id, check_token


def run(args: context.Args) -> int:
    """Run one attempt: the queued one that `--attempt` names, or a new one."""
    if args.mark_success:
        from airflow_lite.cli.commands.task_runs import mark_success

        return mark_success(args)
    command = _queued_command(args) if args.attempt is not None else _new_command(args)
    from airflow_lite.worker.host.main import run_one

    context.close_store(args)
    return int(run_one(command, context.config(args)))


def _new_command(args: context.Args) -> RunCommand:
    from airflow_lite.cli.commands.task_runs import own_command

    return own_command(args)


def _queued_command(args: context.Args) -> RunCommand:
    if args.try_number is None:
        raise UserError("--attempt needs --try-number: the try that was queued under it.")
    key = TaskInstanceKey(
        check_id(args.dag_id, "DAG id"),
        check_id(args.task_id, "task id"),
        check_run_id(args.execution_date_or_run_id),
        args.try_number,
        args.map_index,
        check_token(args.attempt),
    )
    return RunCommand(key, args.pool, args.subdir, _pickle_id(args))


def _pickle_id(args: context.Args) -> int | None:
    if args.pickle is None and not args.ship_dag:
        return None
    from airflow_lite.cli.commands.task_runs import pickle_id_of

    return pickle_id_of(args)
