"""`airflow-lite tasks test | render`, and what of `tasks run` looks into the database first."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping

from airflow_lite.cli import context, resolve
from airflow_lite.cli.runs.run_conf import json_object
from airflow_lite.clock import SystemClock
from airflow_lite.errors import UserError
from airflow_lite.keys import RunCommand, TaskInstanceKey, check_pickle_id, check_run_id
from airflow_lite.states import ACTIVE, FINISHED, TaskInstanceState
from airflow_lite.store import dags, doorbell, edits, listing

if TYPE_CHECKING:
    from airflow_lite.worker.in_process.dry_run import TestedTask


def pickle_id_of(args: context.Args) -> int | None:
    """Return the pickled DAG to run from: the given one, or with `--ship-dag` one made now."""
    if args.pickle is not None and args.ship_dag:
        raise UserError("--pickle and --ship-dag exclude each other. Give one of them.")
    if args.pickle is not None:
        return check_pickle_id(args.pickle)
    if not args.ship_dag:
        return None
    from airflow_lite.scheduler.dag_files.pickling import check_can_pickle

    check_can_pickle(context.config(args))
    resolve.the_spec(args)
    with context.store(args).read() as connection:
        pickle_id: int | None = listing.the_dag(connection, args.dag_id)["pickle_id"]
    if pickle_id is None:
        raise UserError(_not_pickled(args))
    context.notice(f"Pickled DAG {args.dag_id!r} as pickle_id: {pickle_id}")
    return pickle_id


def _not_pickled(args: context.Args) -> str:
    with context.store(args).read() as connection:
        warnings = dags.warnings_of(connection, args.dag_id)
    reasons = [line for line in warnings if f"DAG {args.dag_id!r} is not pickled" in line]
    executor = context.config(args).get("core", "executor")
    return " ".join(reasons) or f"{executor} runs no pickled DAGs. Leave out --ship-dag."


def own_command(args: context.Args) -> RunCommand:
    """Queue an attempt by hand and return the command that runs it."""
    pickle_id = pickle_id_of(args)
    path = resolve.the_dag(args).path if pickle_id is None else None
    for transaction in context.transactions(args):
        with transaction as connection:
            run, instance = resolve.the_instance(args, connection)
            _check_may_run(args, instance)
            token = edits.queue_by_hand(
                connection, instance, pool=args.pool, now_us=SystemClock().now_us()
            )
            doorbell.ring(connection, runs=[run["id"]])
    if token is None:
        raise UserError(f"Another process changed task {args.task_id!r} meanwhile. Try again.")
    key = TaskInstanceKey(
        args.dag_id,
        args.task_id,
        run["run_id"],
        instance["try_number"] + 1,
        args.map_index,
        token,
    )
    return RunCommand(key, args.pool, path, pickle_id)


def _check_may_run(args: context.Args, instance: RowMapping) -> None:
    state = instance["state"]
    if state in ACTIVE:
        raise UserError(
            f"Task {args.task_id!r} is {state}. Wait for its end, or clear it with"
            f" `airflow-lite tasks clear {args.dag_id} -t '^{args.task_id}$'`."
        )
    if state in FINISHED and not args.force:
        raise UserError(f"Task {args.task_id!r} is in state {state}. Add --force to run it again.")


def mark_success(args: context.Args) -> int:
    """Mark the task instance as a success, and run nothing."""
    for transaction in context.transactions(args):
        with transaction as connection:
            _, instance = resolve.the_instance(args, connection)
            runs = edits.mark(
                connection,
                [instance["id"]],
                TaskInstanceState.SUCCESS,
                now_us=SystemClock().now_us(),
            )
            doorbell.ring(connection, runs=sorted(runs))
    return 0


def test(args: context.Args) -> int:
    """Run a task here and record nothing."""
    for name, value in json_object(args.env_vars, "--env-vars").items():
        os.environ[name] = str(value)
    params = json_object(args.task_params, "--task-params")
    tested = replace(_tested_task(args), params=params)
    from airflow_lite.worker.in_process import dry_run

    if args.dry_run:
        return _show(dry_run.render_task(context.config(args), tested))
    return int(dry_run.test_task(context.config(args), tested, pdb=args.post_mortem))


def render(args: context.Args) -> int:
    """Print a task's templated fields, rendered for a run that is or might be."""
    tested = _tested_task(args)
    from airflow_lite.worker.in_process import dry_run

    return _show(dry_run.render_task(context.config(args), tested))


def _show(fields: dict[str, Any]) -> int:
    rule = "# " + "-" * 58
    for name, value in fields.items():
        print(f"{rule}\n# property: {name}\n{rule}\n{value}")
    return 0


def _tested_task(args: context.Args) -> TestedTask:
    """Return the task, and the run by its id or, if it is a date, by its logical date."""
    from airflow_lite.worker.in_process.dry_run import TestedTask

    dag = resolve.the_dag(args)
    task_id = resolve.check_task(args, dag)
    name = args.execution_date_or_run_id
    logical_us = SystemClock().now_us() if name is None else resolve.parsed_us(args, name)
    return TestedTask(
        dag.spec,
        dag.path,
        task_id,
        logical_us,
        check_run_id(name) if logical_us is None else None,
        args.map_index,
    )
