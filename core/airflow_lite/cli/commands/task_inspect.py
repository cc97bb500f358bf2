"""`airflow-lite tasks failed-deps | xcom …`: what holds a task back, and what it pushed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping

from airflow_lite.cli import context, resolve
from airflow_lite.cli.output import Cell, print_rows
from airflow_lite.clock import SystemClock, iso
from airflow_lite.errors import UserError
from airflow_lite.keys import check_id
from airflow_lite.states import TaskInstanceState
from airflow_lite.store import listing, xcoms
from airflow_lite.text import shortened

#: Of a value, so many letters are in a table; the other formats have all of it.
_LONGEST_VALUE = 80


def failed_deps(args: context.Args) -> int:
    """Print what holds a task instance back."""
    from airflow_lite.scheduler import failed_deps as room

    if args.subdir:
        resolve.check_task(args, resolve.the_dag(args))
    config = context.config(args)
    resolve.fail_runs_of_dead_tests(args)
    with context.store(args).read() as connection:
        run, instance = resolve.the_instance(args, connection)
        now_us = SystemClock().now_us()
        unmet = room.failed_deps(connection, config, run, instance, now_us)
    if not unmet:
        print("Task instance dependencies are all met.")
        return 0
    print("Task instance dependencies not met:")
    for dep in unmet:
        print(f"{dep.name}: {dep.reason}")
    if instance["state"] == TaskInstanceState.QUEUED:
        for line in room.executor_says(config, run["dag_id"], run["run_id"], instance):
            print(f"Executor: {line}")
    return 0


def list_xcoms(args: context.Args) -> int:
    """List the XComs that a task pushed in a run."""
    rows = _xcoms(args)
    mapped = any(row["map_index"] >= 0 for row in rows)
    index = ("map_index",) if mapped else ()
    print_rows(
        [_xcom_row(row, mapped=mapped) for row in rows],
        args.output,
        columns=args.columns,
        shown=("key", *index, "value"),
        wide=("timestamp",),
    )
    return 0


def _xcom_row(row: RowMapping, *, mapped: bool) -> dict[str, Any]:
    return {
        "key": row["key"],
        **({"map_index": row["map_index"]} if mapped else {}),
        "timestamp": iso(row["at_us"]),
        "value": Cell(_data(row["value"]), shortened(row["value"], _LONGEST_VALUE)),
    }


def _data(text: str) -> Any:
    """Return what a JSON text holds; one that a row has wrong as it is."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def get_xcom(args: context.Args) -> int:
    """Print the value of one XCom, as the JSON that it is kept as."""
    rows = _xcoms(args)
    value = next((row["value"] for row in rows if row["key"] == args.key), None)
    if value is None:
        keys = ", ".join(sorted(row["key"] for row in rows)) or "nothing"
        raise UserError(
            f"Task {args.task_id!r} has pushed no XCom {args.key[:60]!r} in this run. It has"
            f" pushed: {shortened(keys, 200)}."
        )
    print(value)
    return 0


def _xcoms(args: context.Args) -> Sequence[RowMapping]:
    with context.store(args).read() as connection:
        run = resolve.the_run(args, connection)
        task_id, index = check_id(args.task_id, "task id"), args.map_index
        rows = xcoms.of_task(connection, run["id"], task_id, index)
        if not rows:  # of a task that is not there, that is to be said
            indexes = [
                row["map_index"]
                for row in listing.instances(connection, run["id"])
                if row["task_id"] == task_id
            ]
            known = indexes[0] if index is None and indexes else index
            listing.the_instance(connection, run, task_id, -1 if known is None else known)
    return rows
