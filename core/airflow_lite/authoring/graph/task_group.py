"""TaskGroup: tasks under one name, that edges can be drawn to and from; and its decorator."""

from __future__ import annotations

import copy
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, overload

from airflow_lite.authoring import current
from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.graph.edges import Connectable
from airflow_lite.errors import AirflowDagException, DuplicateTaskIdFound

if TYPE_CHECKING:
    from airflow_lite.authoring.dag import DAG
    from airflow_lite.authoring.mapping.expand_input import ExpandInput
    from airflow_lite.authoring.operator import BaseOperator


P = ParamSpec("P")
R = TypeVar("R")


class TaskGroup(Connectable):
    """A group of tasks and groups; used by `with TaskGroup("name"):`.

    Ids of what is inside get `group_id.` before them unless `prefix_group_id` is False.
    """

    def __init__(
        self,
        group_id: str | None,
        prefix_group_id: bool = True,
        parent_group: TaskGroup | None = None,
        dag: DAG | None = None,
        default_args: dict[str, Any] | None = None,
        tooltip: str = "",
        ui_color: str = "CornflowerBlue",
        ui_fgcolor: str = "#000",
        add_suffix_on_collision: bool = False,
    ) -> None:
        self.prefix_group_id = prefix_group_id
        self.tooltip, self.ui_color, self.ui_fgcolor = tooltip, ui_color, ui_fgcolor
        self.children: dict[str, TaskGroup | BaseOperator] = {}
        self.default_args = checks.checked(
            f"Task group {group_id!r}", "default_args", checks.mapping, default_args or {}
        )
        self.parent_group = parent_group
        self.group_id = group_id
        if group_id is None:  # the root of a DAG, which holds the tasks that are in no group
            self.dag = dag
            return
        dag = dag or (parent_group.dag if parent_group is not None else current.current_dag())
        self.parent_group = parent_group or current.current_group(dag)
        if self.parent_group is None or self.parent_group.dag is None:
            raise AirflowDagException(
                f"TaskGroup {group_id!r} can only be used inside a DAG: make it in `with DAG(…)`."
            )
        self.dag = self.parent_group.dag
        if "." in checks.author_id(group_id, "group id"):
            raise AirflowDagException(
                f"group id {group_id!r} is not allowed. Use letters, digits, '_' and '-'."
            )
        full_id = self.parent_group.child_id(group_id)
        self.group_id = self._free_id(full_id, group_id) if add_suffix_on_collision else full_id
        self.default_args = self.parent_group.default_args | self.default_args
        self.parent_group.add(self)

    def _free_id(self, full_id: str, label: str) -> str:
        """Return `full_id`, with a suffix if it is taken, or, as in Airflow, if `label` alone is.

        Tasks of a group inside another have their ids by that rule, and XComs are pulled by them.
        """
        assert self.dag is not None  # a group without one was refused
        taken = self.dag.node_ids
        if full_id == label or label not in taken:
            return self.dag.free_id(full_id)
        base = re.sub(r"__\d+$", "", label)
        matches = [re.fullmatch(rf"{re.escape(base)}__(\d+)", name) for name in taken]
        number = max((int(match[1]) for match in matches if match), default=0) + 1
        prefix = full_id.removesuffix(label)
        while f"{prefix}{base}__{number}" in taken:
            number += 1
        return f"{prefix}{base}__{number}"

    def child_id(self, label: str) -> str:
        """Return the full id of a task or group that is called `label` in here."""
        if self.prefix_group_id and self.group_id:
            return f"{self.group_id}.{label}"
        return label

    def add(self, node: TaskGroup | BaseOperator) -> None:
        """Take a task or group in; raise `DuplicateTaskIdFound`."""
        if node.node_id in self.children or (
            self.dag is not None and node.node_id in self.dag.node_ids
        ):
            kind = "group_id" if isinstance(node, TaskGroup) else "Task id"
            raise DuplicateTaskIdFound(f"{kind} '{node.node_id}' has already been added to the DAG")
        self.children[node.node_id] = node
        if isinstance(node, TaskGroup) and self.dag is not None:
            self.dag.node_ids.add(node.node_id)

    @property
    def node_id(self) -> str:
        """The group id; the root group has none."""
        return self.group_id or ""

    @property
    def is_root(self) -> bool:
        """Whether this is the group that holds all of a DAG."""
        return self.group_id is None

    @property
    def label(self) -> str:
        """The group id without the parent's prefix."""
        parent = self.parent_group
        return self.node_id if parent is None else self.node_id.removeprefix(parent.child_id(""))

    def __iter__(self) -> Iterator[BaseOperator]:
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield from child
            else:
                yield child

    def has_task(self, task: BaseOperator) -> bool:
        """Whether `task` is in this group or in one inside it."""
        return any(item is task for item in self)

    @property
    def roots(self) -> list[BaseOperator]:
        """The tasks with nothing before them inside the group."""
        ids = {task.task_id for task in self}
        return [task for task in self if task.upstream_task_ids.isdisjoint(ids)]

    @property
    def leaves(self) -> list[BaseOperator]:
        """The tasks with nothing but teardowns after them inside the group, as in Airflow.

        What follows the group waits neither for its teardowns nor for the setups that they undo.
        """
        inside = {task.task_id: task for task in self}
        work = {name for name, task in inside.items() if not task.is_teardown}
        return [
            task
            for name, task in inside.items()
            if name in work
            and task.downstream_task_ids.isdisjoint(work)
            and not (task.is_setup and task.downstream_task_ids & inside.keys())
        ]

    def get_roots(self) -> Iterator[BaseOperator]:
        """Yield `roots`."""
        return iter(self.roots)

    def get_leaves(self) -> Iterator[BaseOperator]:
        """Yield `leaves`."""
        return iter(self.leaves)

    def __enter__(self) -> Self:
        current.push(current.GROUPS, self)
        return self

    def __exit__(self, *details: object) -> None:
        current.pop(current.GROUPS)

    def __repr__(self) -> str:
        return f"<TaskGroup: {self.group_id}>"


_WILD = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class GroupFactory(Generic[P, R]):
    """A function whose call makes a TaskGroup of the tasks that it makes."""

    def __init__(self, function: Callable[P, R], options: Mapping[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        tooltip = (inspect.getdoc(function) or "").partition("\n")[0]
        self.options = {"group_id": function.__name__, "tooltip": tooltip, **options}
        self.arguments: dict[str, Any] = {}  # of `partial`

    def override(self, **options: Any) -> GroupFactory[P, R]:
        """Return the same with other arguments of TaskGroup."""
        return self._but(options={**self.options, **options})

    def partial(self, **kwargs: Any) -> GroupFactory[P, R]:
        """Return the same with some arguments of the function given, to be mapped over others."""
        from airflow_lite.authoring.mapping.expand_input import refuse_duplicates

        self._check("partial", kwargs)
        refuse_duplicates(self.arguments, kwargs, "duplicate partial")
        return self._but(arguments={**kwargs, **self.arguments})

    def expand(self, **kwargs: Any) -> Any:
        """Make the group, whose tasks have an instance for each combination of these values."""
        from airflow_lite.authoring.mapping.expand_input import (
            ListsOfArguments,
            refuse_duplicates,
        )

        if not kwargs:
            raise TypeError("no arguments to expand against")
        self._check("expand", kwargs)
        refuse_duplicates(self.arguments, kwargs, "mapping already partial")
        return self._expand(ListsOfArguments(kwargs), kwargs)

    def expand_kwargs(self, kwargs: Any) -> Any:
        """Make the group, whose tasks have an instance for each of these dicts of arguments."""
        from airflow_lite.authoring.mapping.expand_input import ListOfArguments

        parameters = inspect.signature(self.function).parameters
        if any(item.kind in _WILD for item in parameters.values()):
            raise TypeError(
                "calling expand_kwargs() on task group function with * or ** is not supported"
            )
        names = [name for name in parameters if name not in self.arguments]
        return self._expand(ListOfArguments(kwargs), names)

    def _expand(self, expand_input: ExpandInput, names: Iterable[str]) -> Any:
        from airflow_lite.authoring.graph.mapped_group import MappedTaskGroup
        from airflow_lite.authoring.mapping.expand_input import MappedArgument

        mapped = {name: MappedArgument(expand_input, name) for name in names}
        options = {"add_suffix_on_collision": True, **self.options}
        with MappedTaskGroup(expand_input=expand_input, **options) as group:
            value = self.function(**{**self.arguments, **mapped})  # type: ignore[call-arg]
        return group if value is None else value

    def _check(self, what: str, kwargs: Mapping[str, Any]) -> None:
        from airflow_lite.authoring.mapping.expand_input import check_arguments

        known = frozenset(inspect.signature(self.function).parameters)
        check_arguments(f"{what}()", kwargs, known, expands=what == "expand")

    def _but(self, **attributes: Any) -> GroupFactory[P, R]:
        twin = copy.copy(self)
        twin.__dict__.update(attributes)
        return twin

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...

    @overload
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the group; return what the function returns if it can stand in `>>`, else the group.

        As in Airflow, a second call in one DAG gets a suffix: `name__1`.
        """
        with TaskGroup(**{"add_suffix_on_collision": True, **self.options}) as group:
            value = self.function(*args, **kwargs)
        if isinstance(value, Connectable):
            return value
        return group if value is None else value


@overload
def task_group(python_callable: Callable[P, R]) -> GroupFactory[P, R]: ...


@overload
def task_group(
    python_callable: None = None, **tg_kwargs: Any
) -> Callable[[Callable[P, R]], GroupFactory[P, R]]: ...


def task_group(python_callable: Callable[..., Any] | None = None, **tg_kwargs: Any) -> Any:
    """Make a function that, when called in a DAG, makes its tasks inside a TaskGroup.

    Used as `@task_group` or `@task_group(group_id=…, …)`; the group's id is the function's name,
    its tooltip the first line of the docstring, both unless given.
    """
    if python_callable is None:
        return lambda function: GroupFactory(function, tg_kwargs)
    return GroupFactory(python_callable, tg_kwargs)
