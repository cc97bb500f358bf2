"""`airflow-lite tasks clear`."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import RowMapping

from airflow_lite.cli import context, resolve
from airflow_lite.clock import SystemClock
from airflow_lite.spec.graph import with_relatives
from airflow_lite.spec.model import DagSpec
from airflow_lite.states import FAILED_STATES, TaskInstanceState
from airflow_lite.store import doorbell, edits
from airflow_lite.store.edits import Clearable

#: Most task instances that the question names one by one.
MOST_SHOWN = 50


def clear(args: context.Args) -> int:
    """Clear task instances, so that they run again."""
    specs = [spec for _, spec in resolve.the_specs(args, is_regex=args.dag_regex)]
    with context.store(args).read() as connection:
        chosen = [item for spec in specs for item in _instances_to_clear(args, connection, spec)]
    return confirm_and_clear(args, chosen)


def confirm_and_clear(args: context.Args, chosen: Sequence[tuple[Clearable, str]]) -> int:
    """Ask, and clear task instances; each comes with what it is called in the question."""
    if not chosen:
        print("Nothing to clear.")
        return 0
    if not context.confirmed(args, clear_warning([name for _, name in chosen])):
        print("Cancelled, nothing was cleared.")
        return 1
    for transaction in context.transactions(args):
        with transaction as connection:
            runs = edits.clear(
                connection, [item for item, _ in chosen], now_us=SystemClock().now_us()
            )
            doorbell.ring(connection, runs=sorted(runs))
    print(f"Cleared {len(chosen)} task instance(s) in {len(runs)} run(s).")
    return 0


def _instances_to_clear(
    args: context.Args, connection: sa.Connection, spec: DagSpec
) -> list[tuple[Clearable, str]]:
    rows = edits.instances_to_clear(
        connection,
        spec.dag_id,
        chosen_tasks(args, spec),
        start_us=resolve.to_us(args, args.start_date),
        end_us=resolve.to_us(args, args.end_date),
        states=_states(args),
    )
    return [
        (edits.clearable(row, spec), shown_name(row["run_id"], row))
        for row in rows
        if args.map_index is None or row["map_index"] in (-1, args.map_index)
    ]


def shown_name(run_id: str, row: RowMapping) -> str:
    """Return what the question calls a task instance."""
    index = f"[{row['map_index']}]" if row["map_index"] >= 0 else ""
    return f"{run_id} {row['task_id']}{index} ({row['state']})"


def chosen_tasks(args: context.Args, spec: DagSpec) -> set[str]:
    """Return the ids of the tasks that match, with those that must run again beside them."""
    if args.task_regex is None:
        return set(spec.tasks)
    pattern = resolve.pattern(args.task_regex)
    matching = {name for name in spec.tasks if pattern.search(name)}
    return with_relatives(spec.tasks, matching, upstream=args.upstream, downstream=args.downstream)


def _states(args: context.Args) -> set[str] | None:
    states: set[str] = set()
    if args.only_failed:
        states |= FAILED_STATES
    if args.only_running:
        states.add(TaskInstanceState.RUNNING)
    return states or None


def clear_warning(lines: list[str]) -> str:
    """Return what is said before the question whether to clear these."""
    more = [f"… and {len(lines) - MOST_SHOWN} more"] if len(lines) > MOST_SHOWN else []
    title = f"You are about to clear these {len(lines)} task instances:"
    return "\n".join([title, *lines[:MOST_SHOWN], *more, ""])
