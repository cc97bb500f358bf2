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
    from airflow_lite.authoring.operator import BaseOperator


@dataclass
class Scope:
    """A `with` over setups and teardowns: tasks made inside run between the two."""

    setups: list[BaseOperator]
    teardowns: list[BaseOperator]
    tasks: list[BaseOperator] = field(default_factory=list)

    def close(self) -> None:
        """Link the tasks made inside: setups before them, teardowns after them."""
        inside = {task.task_id for task in self.tasks}
        for task in self.tasks:
            if not task.upstream_task_ids & inside:
                task.set_upstream([item for item in self.setups if item is not task])
            if not task.downstream_task_ids & inside:
                task.set_downstream([item for item in self.teardowns if item is not task])


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

    def __enter__(self) -> Self:
        task = self._task
        if not self.is_setup and not self.is_teardown:
            raise AirflowDagException(
                f"Task {task.task_id!r} is used in `with`, which only setup and teardown tasks can."
            )
        if task.is_setup:
            after = [item for item in task.downstream_list if item.is_teardown]
            scope = Scope([task], after)
        else:
            scope = Scope([item for item in task.upstream_list if item.is_setup], [task])
        current.push(current.SCOPES, scope)
        return self

    def __exit__(self, *details: object) -> None:
        scope = current.pop(current.SCOPES)
        if details[0] is None:
            scope.close()
