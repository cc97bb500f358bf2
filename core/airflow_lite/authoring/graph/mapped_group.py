"""MappedTaskGroup: a group whose tasks have an instance for each of several values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.graph.task_group import TaskGroup
from airflow_lite.errors import AirflowDagException
from airflow_lite.states import TriggerRule

if TYPE_CHECKING:
    from airflow_lite.authoring.mapping.expand_input import ExpandInput


class MappedTaskGroup(TaskGroup):
    """A group that is mapped: made by `expand` or `expand_kwargs` of a `@task_group` function."""

    def __init__(self, *, expand_input: ExpandInput, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mapped_group_of(self.parent_group) is not None:
            raise AirflowDagException(
                f"Task group {self.group_id!r} is mapped inside a mapped task group, which is not"
                " supported. Map the outer group over all values."
            )
        self.expand_input = expand_input

    def __exit__(self, *details: object) -> None:
        super().__exit__(*details)
        if details[:1] != (None,):
            return
        for task in self:
            if task.trigger_rule == TriggerRule.ALWAYS:
                raise ValueError(
                    "Task-generated mapping within a mapped task group is not allowed with"
                    " trigger rule 'always'"
                )
        assert self.dag is not None  # a group without one was refused
        for source in self.expand_input.sources:
            self.dag.mapped_over.add(source.task_id)
        for source in self.expand_input.direct_sources:
            self.set_upstream(source)


def mapped_group_of(group: Any) -> MappedTaskGroup | None:
    """Return the innermost mapped group that a group is, or is in."""
    while group is not None:
        if isinstance(group, MappedTaskGroup):
            return group
        group = group.parent_group
    return None
