"""Rows of the grid and nodes of the graph: tasks in their order, by the groups in their names.

A group is what the ids of several tasks begin with, up to a dot. A folded one stands for all that
is in it. Pure: from a DAG as data, and the names of what is open, to rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_lite.spec.graph import in_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from airflow_lite.spec.model import TaskSpec

#: The worst first: the state by which a group is shown.
_SEVERITY = (
    "failed",
    "upstream_failed",
    "up_for_retry",
    "running",
    "restarting",
    "deferred",
    "up_for_reschedule",
    "queued",
    "scheduled",
    None,
    "success",
    "skipped",
    "removed",
)
_RANK = {state: rank for rank, state in enumerate(_SEVERITY)}


class FoldRow(NamedTuple):
    """A task, or a group of them; `tasks` are the ids that it stands for."""

    name: str
    label: str
    depth: int
    tasks: tuple[str, ...]
    is_group: bool = False
    is_open: bool = False
    is_mapped: bool = False


def groups_of(task_ids: Iterable[str]) -> set[str]:
    """Return the prefixes up to a dot that at least two tasks have."""
    counts: dict[str, int] = {}
    for task_id in task_ids:
        for prefix in _prefixes(task_id):
            counts[prefix] = counts.get(prefix, 0) + 1
    return {prefix for prefix, count in counts.items() if count > 1}


def _prefixes(task_id: str) -> list[str]:
    words = task_id.split(".")
    return [".".join(words[:length]) for length in range(1, len(words))]


def fold_rows(tasks: Mapping[str, TaskSpec], open_groups: Collection[str] | None) -> list[FoldRow]:
    """Return the rows in the order of the tasks; `open_groups` None: every group is open."""
    groups = groups_of(tasks)
    members: dict[str, list[str]] = {group: [] for group in groups}
    ordered = in_order(
        {name: tuple(set(task.upstream) & set(tasks)) for name, task in tasks.items()}
    )
    for task_id in ordered:
        for prefix in _prefixes(task_id):
            if prefix in groups:
                members[prefix].append(task_id)
    rows: list[FoldRow] = []
    done: set[str] = set()
    for task_id in ordered:
        if task_id not in done:
            _add(task_id, 0, rows, done, tasks, members, open_groups)
    return rows


def _add(
    task_id: str,
    depth: int,
    rows: list[FoldRow],
    done: set[str],
    tasks: Mapping[str, TaskSpec],
    members: Mapping[str, list[str]],
    open_groups: Collection[str] | None,
) -> None:
    """Add the group that a task is in at this depth, with all in it; or the task itself."""
    prefixes = [prefix for prefix in _prefixes(task_id) if prefix in members]
    if depth >= len(prefixes):
        parent = prefixes[-1] if prefixes else ""
        label = task_id.removeprefix(f"{parent}.") if parent else task_id
        is_mapped = tasks[task_id].expansion is not None
        rows.append(FoldRow(task_id, label, depth, (task_id,), is_mapped=is_mapped))
        done.add(task_id)
        return
    group = prefixes[depth]
    is_open = open_groups is None or group in open_groups
    inner = tuple(members[group])
    label = group.removeprefix(f"{prefixes[depth - 1]}.") if depth else group
    rows.append(FoldRow(group, label, depth, inner, is_group=True, is_open=is_open))
    for name in inner:
        if is_open and name not in done:
            _add(name, depth + 1, rows, done, tasks, members, open_groups)
    done.update(inner)


def worst(states: Iterable[str | None]) -> str | None:
    """Return the state by which several are shown."""
    return min(states, key=lambda state: _RANK.get(state, 0), default=None)
