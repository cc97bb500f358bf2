"""Setup and teardown: the marks of tasks, and `with` over the tasks between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from airflow_lite.authoring import current
from airflow_lite.authoring.graph.edges import connectables
from airflow_lite.authoring.graph.relatives import Relatives
from airflow_lite.errors import AirflowDagException
from airflow_lite.states import TriggerRule

if TYPE_CHECKING:
    from airflow_lite.authoring.graph.task_group import TaskGroup
    from airflow_lite.authoring.graph.xcom_arg import XComArg
    from airflow_lite.authoring.operator import BaseOperator


@dataclass
class Scope:
    """A `with` over setups and teardowns: what is made or added inside runs between the two."""

    setups: list[BaseOperator]
    teardowns: list[BaseOperator]
    tasks: list[BaseOperator] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    is_open: bool = True

    def add_task(self, task: BaseOperator | XComArg | TaskGroup) -> None:
        """Take in what was made before; raise `AirflowDagException` after the `with`."""
        nodes = connectables(task)
        if not self.is_open:
            raise AirflowDagException(
                f"add_task({nodes[0]!r}) comes after the `with` of its scope. Put it inside."
            )
        for item in [item for node in nodes for item in (*node.roots, *node.leaves)]:
            if item not in self.tasks:
                self.tasks.append(item)

    def close(self) -> None:
        """Link all inside: setups before it, teardowns after it."""
        self.is_open = False
        for task in self.first():
            task.set_upstream([item for item in self.setups if item is not task])
        for task in self.last():
            task.set_downstream([item for item in self.teardowns if item is not task])

    def first(self) -> list[BaseOperator]:
        """Return what comes first inside: of a scope in this one its setups, if it has any."""
        inside = {task.task_id for task in self.tasks}
        own = [task for task in self.tasks if not task.upstream_task_ids & inside]
        return own + [task for scope in self.scopes for task in scope.setups or scope.first()]

    def last(self) -> list[BaseOperator]:
        """Return what comes last inside: of a scope in this one its teardowns, if it has any."""
        inside = {task.task_id for task in self.tasks}
        own = [task for task in self.tasks if not task.downstream_task_ids & inside]
        return own + [task for scope in self.scopes for task in scope.teardowns or scope.last()]


class SetupTeardown(Relatives):
    """The part of an operator that makes it a setup or a teardown task."""

    is_setup = False
    is_teardown = False
    on_failure_fail_dagrun = False

    def as_setup(self) -> Self:
        """Make this a setup task and return it."""
        if self.is_teardown:
            raise AirflowDagException(f"Task {self.task_id!r} is a teardown and cannot be a setup.")
        self.is_setup = True
        return self

    def as_teardown(
        self,
        *,
        setups: BaseOperator | Iterable[BaseOperator] | None = None,
        on_failure_fail_dagrun: bool | None = None,
    ) -> Self:
        """Make this a teardown task, of `setups` if given, and return it.

        It runs if all its setups succeeded, in whatever state the tasks between ended: another
        trigger_rule, such as that of default_args, gives way. Its failure fails the run only with
        `on_failure_fail_dagrun`.
        """
        task = self._task
        if self.is_setup:
            raise AirflowDagException(f"Task {task.task_id!r} is a setup and cannot be a teardown.")
        self.is_teardown = True
        task.trigger_rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
        if on_failure_fail_dagrun is not None:
            self.on_failure_fail_dagrun = on_failure_fail_dagrun
        # Listed first: a group's leaves are others once there are setups among them.
        nodes = connectables(() if setups is None else setups)
        for setup in [setup for node in nodes for setup in node.leaves]:
            setup.as_setup()
            task.set_upstream(setup)
        return self

    def __enter__(self) -> Scope:
        task = self._task
        if not self.is_setup and not self.is_teardown:
            raise AirflowDagException(
                f"Task {task.task_id!r} is used in `with`, which only setup and teardown tasks can."
            )
        if task.is_setup:
            scope = Scope([task], _nearest(task, upstream=False))
        else:
            scope = Scope(_nearest(task, upstream=True), [task])
        current.push(current.SCOPES, scope)
        return scope

    def __exit__(self, *details: object) -> None:
        scope = current.pop(current.SCOPES)
        if details[0] is None:
            scope.close()
            for outer in current.SCOPES.get()[-1:]:
                outer.scopes.append(scope)


def _nearest(task: BaseOperator, *, upstream: bool) -> list[BaseOperator]:
    """Return the setups before a teardown, or the teardowns after a setup: those that are nearest.

    As in Airflow, they need not be next to it.
    """
    seen: set[str] = set()
    level = task.get_direct_relatives(upstream)
    while level:
        found = [item for item in level if (item.is_setup if upstream else item.is_teardown)]
        if found:
            return found
        seen |= {item.task_id for item in level}
        following = {item for near in level for item in near.get_direct_relative_ids(upstream)}
        level = [task.dag.get_task(name) for name in sorted(following - seen)]
    return []
