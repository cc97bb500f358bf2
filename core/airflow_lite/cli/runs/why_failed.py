"""Why a run failed, for whoever waited for it: each failed task's cause, and the end of its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.cli import context
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.store import listing
from airflow_lite.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import RowMapping

#: Tasks that are told of, lines of each one's log, and characters of a line.
_MOST_TASKS, _LAST_LINES, _LONGEST = 3, 10, 500


def tell_why(args: context.Args, run: RowMapping) -> None:
    """Print on stderr why a run's tasks failed; nothing where none did."""
    with context.store(args).read() as connection:
        instances = listing.instances(connection, run["id"])
    for line in _lines(args, run, [row for row in instances if row["state"] == "failed"]):
        context.notice(line)


def _lines(args: context.Args, run: RowMapping, failed: Sequence[RowMapping]) -> Iterator[str]:
    for instance in failed[:_MOST_TASKS]:
        yield ""
        yield from _of_task(args, run, instance)
    if len(failed) > _MOST_TASKS:
        yield f"\n… and {len(failed) - _MOST_TASKS} more tasks that failed."


def _of_task(args: context.Args, run: RowMapping, instance: RowMapping) -> Iterator[str]:
    task_id, index, number = (instance[name] for name in ("task_id", "map_index", "try_number"))
    name = f"{run['dag_id']}.{task_id}{f'[{index}]' if index >= 0 else ''}"
    cause = shortened(" ".join((instance["change_cause"] or "failed").split()), _LONGEST)
    yield f"{name} failed in try {number}: {cause}"
    if not number:
        return  # it was not started: there is no log
    map_index = f" --map-index {index}" if index >= 0 else ""
    command = f"airflow-lite tasks logs {run['dag_id']} {task_id} '{run['run_id']}'{map_index}"
    yield f"The end of its log (all of it: {command}):"
    key = TaskInstanceKey(run["dag_id"], task_id, run["run_id"], number, index)
    yield from (f"  {shortened(line, _LONGEST)}" for line in _last_lines(args, key))


def _last_lines(args: context.Args, key: TaskInstanceKey) -> list[str]:
    from airflow_lite.logs.reading.task_log import last_lines

    return last_lines(context.config(args), key, _LAST_LINES)
