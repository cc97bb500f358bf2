"""The DAG file that is being loaded, and the DAGs and groups whose `with` is open.

DAG, TaskGroup and Scope import this module and put themselves here, so the items are `Any`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from airflow_lite.authoring.arguments.defaults import AuthorDefaults


@dataclass
class Loading:
    """One DAG file that is being imported: its path, and the DAGs that registered themselves."""

    path: str
    dags: list[Any] = field(default_factory=list)

    @cached_property
    def defaults(self) -> AuthorDefaults:
        """The configured defaults, read once per file."""
        return AuthorDefaults.load()


# Context variables, and not an object handed around: Airflow's `with DAG` and `with TaskGroup`
# reach operators that are made further down, in any function, without being passed.
LOADING: ContextVar[Loading | None] = ContextVar("airflow_lite_loading", default=None)
DAGS: ContextVar[tuple[Any, ...]] = ContextVar("airflow_lite_dags", default=())
GROUPS: ContextVar[tuple[Any, ...]] = ContextVar("airflow_lite_groups", default=())
SCOPES: ContextVar[tuple[Any, ...]] = ContextVar("airflow_lite_scopes", default=())
#: The mapped task whose instance makes its own operator, as it runs.
UNMAPPING: ContextVar[Any] = ContextVar("airflow_lite_unmapping", default=None)


def push(stack: ContextVar[tuple[Any, ...]], item: object) -> None:
    """Make `item` the innermost of `stack`."""
    stack.set((*stack.get(), item))


def pop(stack: ContextVar[tuple[Any, ...]]) -> Any:
    """Take the innermost item off `stack` and return it."""
    *rest, item = stack.get()
    stack.set(tuple(rest))
    return item


def current_dag() -> Any:
    """Return the innermost DAG in `with`, or None."""
    return (DAGS.get() or (None,))[-1]


def current_group(dag: Any) -> Any:
    """Return the innermost group in `with`; else the root group of `dag`; else None."""
    groups = GROUPS.get()
    if groups and (dag is None or groups[-1].dag is dag):
        return groups[-1]
    return dag.task_group if dag is not None else None


def place(dag: Any = None, group: Any = None) -> tuple[Any, Any]:
    """Return the DAG and group of a task that names these two, or neither."""
    dag = dag or (group.dag if group is not None else current_dag())
    group = group or current_group(dag)
    return dag or (group.dag if group is not None else None), group


def current_defaults() -> AuthorDefaults:
    """Return the configured defaults of authors' arguments."""
    loading = LOADING.get()
    return loading.defaults if loading is not None else AuthorDefaults.load()


@contextmanager
def unmapping(task: Any) -> Iterator[None]:
    """Mark that an instance of `task` makes its operator: it has the task's place in the DAG."""
    token = UNMAPPING.set(task)
    try:
        yield
    finally:
        UNMAPPING.reset(token)


@contextmanager
def loading(path: str) -> Iterator[Loading]:
    """Mark that `path` is being loaded, with nothing else being written."""
    file = Loading(path)
    fresh: dict[ContextVar[Any], Any] = {LOADING: file, DAGS: (), GROUPS: (), SCOPES: ()}
    tokens = [(variable, variable.set(value)) for variable, value in fresh.items()]
    try:
        yield file
    finally:
        for variable, token in tokens:
            variable.reset(token)
