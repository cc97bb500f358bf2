"""`airflow-lite tasks …`: listing tasks, their states, history and logs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from sqlalchemy import RowMapping

from airflow_lite.cli import context, resolve
from airflow_lite.cli.output import Cell, print_rows
from airflow_lite.clock import US_PER_S, iso
from airflow_lite.errors import UserError
from airflow_lite.keys import TaskInstanceKey, check_id
from airflow_lite.spec.model import DagSpec
from airflow_lite.store import listing, test_runs


def list_tasks(args: context.Args) -> int:
    """List the tasks of a DAG: by id, or as a tree."""
    spec = resolve.the_dag(args).spec
    lines = _tree(spec) if args.tree else sorted(spec.tasks)
    for line in lines:
        print(line)
    return 0


def _tree(spec: DagSpec) -> Iterator[str]:
    """Yield each task below those upstream of it; one with several of them stands below each.

    What is below a task is listed once; where the task comes again, `…` stands for it.
    """
    expanded: set[str] = set()
    waiting = [(name, 0) for name in sorted(spec.roots, reverse=True)]
    while waiting:
        name, depth = waiting.pop()
        task = spec.tasks[name]
        again = name in expanded and task.downstream
        yield f"{'    ' * depth}<Task({task.operator}): {name}>{' …' if again else ''}"
        if not again:
            expanded.add(name)
            waiting += [(other, depth + 1) for other in reversed(task.downstream)]


def state(args: context.Args) -> int:
    """Print the state of a task instance; None if nothing was decided of it."""
    if args.subdir:
        resolve.check_task(args, resolve.the_dag(args))
    resolve.fail_runs_of_dead_tests(args)
    with context.store(args).read() as connection:
        _, instance = resolve.the_instance(args, connection)
    print(instance["state"])
    return 0


def states_for_dag_run(args: context.Args) -> int:
    """List the states of all task instances of a run."""
    resolve.fail_runs_of_dead_tests(args)
    with context.store(args).read() as connection:
        run = resolve.the_run(args, connection)
        instances = listing.instances(connection, run["id"])
    mapped = any(instance["map_index"] >= 0 for instance in instances)
    print_rows(
        [_state_row(run, instance, mapped=mapped) for instance in instances],
        args.output,
        columns=args.columns,
        shown=("task_id", *(["map_index"] if mapped else []), "state", "try_number"),
        wide=(
            *(["rendered_map_index"] if mapped else []),
            *("duration", "cause", "start_date", "end_date"),
        ),
    )
    return 0


def _state_row(run: RowMapping, instance: RowMapping, *, mapped: bool) -> dict[str, Any]:
    index = instance["map_index"]
    return {
        "dag_id": run["dag_id"],
        "execution_date": iso(test_runs.date_of(run)),
        "task_id": instance["task_id"],
        "state": instance["state"],
        "start_date": iso(instance["start_us"]) or "",
        "end_date": iso(instance["end_us"]) or "",
        **({"map_index": index if index >= 0 else ""} if mapped else {}),
        **({"rendered_map_index": instance["rendered_map_index"] or ""} if mapped else {}),
        "try_number": instance["try_number"],
        "duration": _duration_s(instance),
        "cause": instance["change_cause"] or "",
    }


def _duration_s(instance: RowMapping) -> float | None:
    start_us, end_us = instance["start_us"], instance["end_us"]
    return None if start_us is None or end_us is None else (end_us - start_us) / US_PER_S


def history(args: context.Args) -> int:
    """List every change of state of a task's instances."""
    check_id(args.task_id, "task id")
    with context.store(args).read() as connection:
        run = resolve.the_run(args, connection)
        events = listing.history(connection, run["id"], args.task_id, args.map_index)
        if not events:
            args.map_index = -1 if args.map_index is None else args.map_index
            resolve.the_instance(args, connection)
    print_rows(
        [_event_row(event) for event in events],
        args.output,
        columns=args.columns,
        shown=("time", "to", "cause"),
        wide=("try_number", "from", "actor", "map_index", "attempt"),
    )
    return 0


def _event_row(event: RowMapping) -> dict[str, Any]:
    index = event["map_index"]
    return {
        "time": iso(event["at_us"]),
        "map_index": Cell(index, str(index) if index >= 0 else ""),
        "try_number": event["try_number"],
        "from": event["from_state"] or "none",
        "to": event["to_state"] or "none",
        "actor": event["actor"] or "",
        "cause": event["cause"] or "",
        "attempt": event["attempt"] or "",
    }


def logs(args: context.Args) -> int:
    """Print the log of one try, and what the executor adds to it."""
    with context.store(args).read() as connection:
        run, instance = resolve.the_instance(args, connection)
    if args.follow and int(instance["try_number"]) < (args.try_number or 1):
        instance = _wait_for_try(args, run)
    from airflow_lite.logs.reading.task_log import task_log

    blocks = task_log(
        context.config(args),
        args.dag_id,
        args.task_id,
        run["run_id"],
        _try(args.try_number, instance),
        args.map_index,
        follow=args.follow,
    )
    for block in blocks:
        sys.stdout.write(f"{block}\n")
        if args.follow:
            sys.stdout.flush()
    return 0


def _wait_for_try(args: context.Args, run: RowMapping) -> RowMapping:
    """Wait until the try to follow has begun or never will; return the task instance then."""
    from airflow_lite.logs.reading.task_log import wait_for_try

    number = args.try_number or 1
    sys.stdout.write(f"*** Try {number} was not started yet: waiting for it.\n")
    sys.stdout.flush()
    names = args.dag_id, args.task_id, run["run_id"]
    wait_for_try(context.config(args), TaskInstanceKey(*names, number, args.map_index))
    with context.store(args).read() as connection:
        return resolve.the_instance(args, connection)[1]


def _try(try_number: int | None, instance: RowMapping) -> int:
    """Return the try that is asked for, else the last; raise `UserError` where there is none."""
    last = int(instance["try_number"])
    if not last:
        raise UserError(f"Task {instance['task_id']!r} was not started yet: it has no log.")
    if try_number is not None and try_number > last:
        raise UserError(
            f"Task {instance['task_id']!r} has no try {try_number} yet: its last is {last}."
            " Leave --try-number out for the last one."
        )
    return last if try_number is None else try_number
