"""`airflow-lite dags runs …`, and `tasks set-state`: what a user decides of runs and tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.cli import context, resolve
from airflow_lite.cli.commands.task_clear import confirm_and_clear, shown_name
from airflow_lite.clock import SystemClock
from airflow_lite.errors import TaskNotFound, UserError
from airflow_lite.keys import check_id
from airflow_lite.states import FAILED_STATES, RUN_FINISHED, TaskInstanceState
from airflow_lite.store import doorbell, edits, listing, marking, run_edits

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import RowMapping


def stop(args: context.Args) -> int:
    """Stop a run: end what runs of it, and leave it failed."""
    resolve.fail_runs_of_dead_tests(args)
    for transaction in context.transactions(args):
        with transaction as connection:
            run = resolve.the_run(args, connection)
            if run["state"] in RUN_FINISHED:
                raise UserError(
                    f"Run {run['run_id']!r} of DAG {args.dag_id!r} is over: {run['state']}."
                    " There is nothing to stop."
                )
            count = run_edits.stop(connection, run["id"], now_us=SystemClock().now_us())
            doorbell.ring(connection, runs=[run["id"]])
    print(f"Stopped run {run['run_id']} of {args.dag_id}: {count} task instance(s) ended.")
    return 0


def set_state(args: context.Args) -> int:
    """Set the state of a run, and of its tasks with it."""
    _, spec = resolve.the_spec(args)
    teardowns = [name for name, task in spec.tasks.items() if task.is_teardown]
    now_us = SystemClock().now_us()
    for transaction in context.transactions(args):
        with transaction as connection:
            run = resolve.the_run(args, connection)
            if args.state == "queued":
                is_set = run_edits.set_queued(connection, run["id"], now_us=now_us)
                rest = f"it is {run['state']}, and goes on"
            else:
                change = run_edits.set_failed if args.state == "failed" else run_edits.set_success
                is_set = change(connection, run["id"], teardowns, now_us=now_us)
                rest = "its tasks are marked; it ends once its teardowns have"
            doorbell.ring(connection, runs=[run["id"]])
    print(f"Run {run['run_id']} of {args.dag_id}: {args.state if is_set else rest}.")
    return 0


def clear(args: context.Args) -> int:
    """Clear the task instances of one run, so that they run again."""
    _, spec = resolve.the_spec(args)
    with context.store(args).read() as connection:
        run = resolve.the_run(args, connection)
        rows = listing.instances(connection, run["id"])
    chosen = [
        (edits.clearable(row, spec), shown_name(run["run_id"], row))
        for row in rows
        if row["task_id"] in spec.tasks and (not args.only_failed or row["state"] in FAILED_STATES)
    ]
    return confirm_and_clear(args, chosen)


def set_task_state(args: context.Args) -> int:
    """Set the state of a task's instances in a run; after a success, what failed below goes on."""
    _, spec = resolve.the_spec(args)
    state, now_us = TaskInstanceState(args.state), SystemClock().now_us()
    for transaction in context.transactions(args):
        with transaction as connection:
            run = resolve.the_run(args, connection)
            mine = _instances_of(args, connection, run)
            marked = marking.set_state(connection, spec, mine, state, now_us=now_us)
    more = f" {marked.again} below that had failed run again." if marked.again else ""
    name = f"{args.task_id} in run {run['run_id']} of {args.dag_id}"
    print(f"Set {len(mine)} task instance(s) of {name} to {state}.{more}")
    return 0


def _instances_of(
    args: context.Args, connection: sa.Connection, run: RowMapping
) -> list[RowMapping]:
    task_id, index = check_id(args.task_id, "task id"), args.map_index
    rows = listing.instances(connection, run["id"])
    mine = [row for row in rows if row["task_id"] == task_id and index in (None, row["map_index"])]
    if not mine:
        listing.the_instance(connection, run, task_id, -1 if index is None else index)
        raise TaskNotFound
    return mine
