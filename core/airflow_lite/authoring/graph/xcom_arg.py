"""XComArg: a task's result, handed to other tasks before it has run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.arguments.references import Reference
from airflow_lite.authoring.graph.edges import Connectable
from airflow_lite.errors import AirflowDagException, XComNotFound

if TYPE_CHECKING:
    from airflow_lite.authoring.graph.setup_teardown import Scope
    from airflow_lite.authoring.operator import BaseOperator

RETURN_VALUE = "return_value"
_MISSING = object()


def refuse_mapping(*_args: object, **_named: object) -> Any:
    """Raise `AirflowDagException`, whatever is to be mapped.

    To a type checker it returns something: else it would pass over all that comes after a call.
    """
    raise AirflowDagException(
        "Dynamic task mapping (expand, partial, map, zip) is not supported. Make a task for each"
        " value in a Python loop, or let one task loop over the values."
    )


class XComArg(Reference, Connectable):
    """An XCom of `operator`, pulled when a task runs that has it among its arguments.

    It stands for its task in `>>`, and text that it is put into pulls it by template.
    """

    def __init__(self, operator: BaseOperator, key: str = RETURN_VALUE) -> None:
        self.operator = operator
        self.key = key

    @property
    def roots(self) -> list[BaseOperator]:
        """The task that returns it."""
        return [self.operator]

    def __getitem__(self, key: str) -> XComArg:
        """Return the XCom of the same task under another key."""
        if not isinstance(key, str):
            raise TypeError(f"XCom keys are strings; got {key!r}.")
        return XComArg(self.operator, key)

    def __iter__(self) -> Any:
        raise TypeError("An XComArg has its value only when a task runs; it cannot be iterated.")

    def __str__(self) -> str:
        dag = f", dag_id={self.operator.dag_id!r}" if self.operator.has_dag() else ""
        pull = f"task_ids={self.operator.task_id!r}{dag}, key={self.key!r}"
        return f"{{{{ task_instance.xcom_pull({pull}) }}}}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, XComArg) and (self.operator, self.key) == (
            other.operator,
            other.key,
        )

    def __hash__(self) -> int:
        return hash((id(self.operator), self.key))

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """Pull the XCom; raise `XComNotFound` if there is none.

        A missing return value is None, and so is any key of a task with multiple_outputs: it may
        have been skipped, or have returned other keys.
        """
        task_id = self.operator.task_id
        value = context["ti"].xcom_pull(task_ids=task_id, key=self.key, default=_MISSING)
        if value is not _MISSING:
            return value
        if self.key == RETURN_VALUE or self.operator.multiple_outputs:
            return None
        raise XComNotFound(
            f"Task {task_id!r} has pushed no XCom {self.key!r} in this run. Check the key."
        )

    map = zip = concat = refuse_mapping

    def as_setup(self) -> XComArg:
        """Make the task a setup task."""
        self.operator.as_setup()
        return self

    def as_teardown(self, **options: Any) -> XComArg:
        """Make the task a teardown task: see `BaseOperator.as_teardown`."""
        self.operator.as_teardown(**options)
        return self

    def __enter__(self) -> Scope:
        return self.operator.__enter__()

    def __exit__(self, *details: object) -> None:
        self.operator.__exit__(*details)
