"""What follows from the edges of a DAG: the order of its tasks, its leaves, its set-ups' scopes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from graphlib import TopologicalSorter
from typing import Protocol


class Node(Protocol):
    """The attributes of a task that decide its place in the DAG."""

    @property
    def upstream(self) -> tuple[str, ...]:
        """The tasks that it waits for."""

    @property
    def downstream(self) -> tuple[str, ...]:
        """The tasks that wait for it."""

    @property
    def is_setup(self) -> bool:
        """Whether it is a set-up."""

    @property
    def is_teardown(self) -> bool:
        """Whether it is a teardown."""

    @property
    def on_failure_fail_dagrun(self) -> bool:
        """Whether the run fails if it does, though it is a teardown."""


def in_order(upstream: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the tasks, each after its upstream, equal DAGs in one order; raise `CycleError`."""
    sorter = TopologicalSorter({name: sorted(upstream[name]) for name in sorted(upstream)})
    return list(sorter.static_order())


def effective_leaves(tasks: Mapping[str, Node]) -> tuple[str, ...]:
    """Return the tasks by whose states a run is judged.

    Teardowns count only with `on_failure_fail_dagrun`; a DAG of nothing but teardowns is judged
    by its last ones.
    """

    def counts(task: Node) -> bool:
        return not task.is_teardown or task.on_failure_fail_dagrun

    leaves = tuple(
        name
        for name, task in tasks.items()
        if counts(task) and not any(counts(tasks[below]) for below in task.downstream)
    )
    return leaves or tuple(name for name, task in tasks.items() if not task.downstream)


def indirect_setups(tasks: Mapping[str, Node]) -> dict[str, tuple[str, ...]]:
    """Map each task in the scope of set-ups that are not its direct upstream to their ids.

    The scope of a set-up is all below it; with teardowns, what lies between it and one of them.
    """
    setups_of: dict[str, list[str]] = defaultdict(list)
    for name, task in tasks.items():
        if task.is_setup:
            for guarded in _scope(tasks, task) - set(task.downstream):
                setups_of[guarded].append(name)
    return {name: tuple(setups) for name, setups in setups_of.items()}


def _scope(tasks: Mapping[str, Node], setup: Node) -> set[str]:
    below = reach(setup.downstream, lambda name: tasks[name].downstream)
    teardowns = _teardowns(tasks, setup)
    if not teardowns:
        return below
    ends = (above for name in teardowns for above in tasks[name].upstream)
    return below & reach(ends, lambda name: tasks[name].upstream)


def with_relatives(
    tasks: Mapping[str, Node], chosen: Iterable[str], *, upstream: bool, downstream: bool
) -> set[str]:
    """Return the chosen tasks, with what runs again where these do, as in Airflow.

    That is all up- or downstream where it is asked for; of work the setups that it needs, with
    their teardowns; of a setup its teardowns.
    """
    found, works = set(chosen), set() if upstream else set(chosen)
    if downstream:
        starts = [below for name in chosen for below in tasks[name].downstream]
        works |= reach(starts, lambda name: tasks[name].downstream)
    if upstream:
        starts = [above for name in chosen for above in tasks[name].upstream]
        found |= reach(starts, lambda name: tasks[name].upstream)
    needed = {name for name in found if tasks[name].is_setup}
    found |= works
    works = {name for name in works if not (tasks[name].is_setup or tasks[name].is_teardown)}
    for name, task in tasks.items():
        if task.is_setup and (name in needed or not works.isdisjoint(_scope(tasks, task))):
            found.update((name, *_teardowns(tasks, task)))
    return found


def _teardowns(tasks: Mapping[str, Node], setup: Node) -> list[str]:
    return [name for name in setup.downstream if tasks[name].is_teardown]


def reach(starts: Iterable[str], following: Callable[[str], Iterable[str]]) -> set[str]:
    """Return `starts` and all that can be reached from them."""
    reached: set[str] = set()
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(following(name))
    return reached
