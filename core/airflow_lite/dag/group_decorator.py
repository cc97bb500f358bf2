"""What `@task_group` makes of a function."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from airflow_lite.dag.edges import Connectable
from airflow_lite.dag.task_group import TaskGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class GroupFactory:
    """A function whose call makes a TaskGroup of the tasks that it makes."""

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        tooltip = (inspect.getdoc(function) or "").partition("\n")[0]
        self.options = {"group_id": function.__name__, "tooltip": tooltip, **options}

    def override(self, **options: Any) -> GroupFactory:
        """Return the same with other arguments of TaskGroup."""
        return GroupFactory(self.function, {**self.options, **options})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the group; return what the function returns if it can stand in `>>`, else the group.

        As in Airflow, a second call in one DAG gets a suffix: `name__1`.
        """
        with TaskGroup(**{"add_suffix_on_collision": True, **self.options}) as group:
            value = self.function(*args, **kwargs)
        if isinstance(value, Connectable):
            return value
        return group if value is None else value
