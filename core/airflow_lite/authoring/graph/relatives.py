"""A task's place: its DAG, its group, the tasks before and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from airflow_lite.authoring.graph.edges import Connectable
from airflow_lite.errors import AirflowException
from airflow_lite.spec.graph import reach

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_lite.authoring.dag import DAG
    from airflow_lite.authoring.graph.task_group import TaskGroup
    from airflow_lite.authoring.operator import BaseOperator


class Relatives(Connectable):
    """The part of an operator that holds the task's DAG, group and edges.

    `own_start_date` and `own_end_date` are the author's; runs outside of them lack the task.
    """

    task_id: str
    task_group: TaskGroup | None
    upstream_task_ids: set[str]
    downstream_task_ids: set[str]
    own_start_date: datetime | None
    own_end_date: datetime | None
    _dag: DAG | None = None

    @property
    def _task(self) -> BaseOperator:
        return cast("BaseOperator", self)

    @property
    def dag(self) -> DAG:
        """The DAG that this task belongs to; raise `AirflowException` if to none."""
        if self._dag is None:
            raise AirflowException(f"Operator {self.task_id!r} has not been assigned to a DAG yet.")
        return self._dag

    @dag.setter
    def dag(self, dag: DAG) -> None:
        if self._dag is not None and self._dag is not dag:
            raise AirflowException(f"The DAG assigned to task {self.task_id!r} can not be changed.")
        if self.task_group is None:
            self.task_group = dag.task_group
            dag.task_group.add(self._task)
        dag.register(self._task)
        self.__dict__["_dag"] = dag

    def has_dag(self) -> bool:
        """Whether this task belongs to a DAG."""
        return self._dag is not None

    def get_dag(self) -> DAG | None:
        """Return the DAG that this task belongs to, or None."""
        return self._dag

    @property
    def dag_id(self) -> str:
        """The id of the DAG, or what Airflow calls a task without one."""
        return self._dag.dag_id if self._dag is not None else f"adhoc_{self._task.owner}"

    @property
    def start_date(self) -> datetime | None:
        """The task's own start date or its DAG's, whichever is later."""
        return max(self._dates("start_date"), default=None)

    @start_date.setter
    def start_date(self, value: datetime | None) -> None:
        self.own_start_date = value

    @property
    def end_date(self) -> datetime | None:
        """The task's own end date or its DAG's, whichever is earlier."""
        return min(self._dates("end_date"), default=None)

    @end_date.setter
    def end_date(self, value: datetime | None) -> None:
        self.own_end_date = value

    def _dates(self, name: str) -> list[datetime]:
        dates = getattr(self, f"own_{name}"), getattr(self._dag, name, None)
        return [date for date in dates if date is not None]

    @property
    def node_id(self) -> str:
        """The task id: groups have a group id instead."""
        return self.task_id

    @property
    def label(self) -> str:
        """The task id without its group's prefix."""
        group = self.task_group
        return self.task_id if group is None else self.task_id.removeprefix(group.child_id(""))

    @property
    def roots(self) -> list[BaseOperator]:
        """This task."""
        return [self._task]

    @property
    def upstream_list(self) -> list[BaseOperator]:
        """The tasks directly before this one."""
        return [self.dag.get_task(name) for name in sorted(self.upstream_task_ids)]

    @property
    def downstream_list(self) -> list[BaseOperator]:
        """The tasks directly after this one."""
        return [self.dag.get_task(name) for name in sorted(self.downstream_task_ids)]

    def get_direct_relatives(self, upstream: bool = False) -> list[BaseOperator]:
        """Return the tasks directly after this one, or before it."""
        return self.upstream_list if upstream else self.downstream_list

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:
        """Return the ids of the tasks directly after this one, or before it."""
        return self.upstream_task_ids if upstream else self.downstream_task_ids

    def get_flat_relative_ids(self, upstream: bool = False) -> set[str]:
        """Return the ids of all tasks after this one, however far, or before it."""
        tasks = self.dag.task_dict
        return reach(
            self.get_direct_relative_ids(upstream),
            lambda name: tasks[name].get_direct_relative_ids(upstream),
        )

    def get_flat_relatives(self, upstream: bool = False) -> list[BaseOperator]:
        """Return all tasks after this one, however far, or before it."""
        return [self.dag.get_task(name) for name in sorted(self.get_flat_relative_ids(upstream))]
