"""XComArg: a task's result, handed to other tasks before it has run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.arguments.references import Reference
from airflow_lite.authoring.graph.edges import Connectable
from airflow_lite.errors import XComNotFound

if TYPE_CHECKING:
    from airflow_lite.authoring.graph.combined_args import ConcatXComArg, MapXComArg, ZipXComArg
    from airflow_lite.authoring.graph.setup_teardown import Scope
    from airflow_lite.authoring.operator import BaseOperator

RETURN_VALUE = "return_value"
_MISSING = object()
#: In place of a value that was not given, where None is one.
NO_VALUE: Any = object()


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
        ti, task_id = context["ti"], self.operator.task_id
        # Beside a task of its mapped group it stands for the value of the same map index.
        own = {"map_indexes": ti.map_index} if self._is_in_group_of(ti.task) else {}
        value = ti.xcom_pull(task_ids=task_id, key=self.key, default=_MISSING, **own)
        if value is not _MISSING:
            return value
        if self.key == RETURN_VALUE or self.operator.multiple_outputs:
            return None
        raise XComNotFound(
            f"Task {task_id!r} has pushed no XCom {self.key!r} in this run. Check the key."
        )

    def items(self, context: Mapping[str, Any]) -> Any:
        """Return the value; results of a mapped task are pulled one by one, as they are needed.

        Each of very many instances that are mapped over them needs one.
        """
        ti = context["ti"]
        if self.key != RETURN_VALUE or not self._is_mapped_for(ti.task):
            return self.resolve(context)
        return ti.mapped_results(self.operator.task_id)

    def _is_mapped_for(self, task: BaseOperator) -> bool:
        from airflow_lite.authoring.graph.mapped_group import mapped_group_of

        if mapped_group_of(self.operator.task_group) is not None:
            return not self._is_in_group_of(task)
        return hasattr(self.operator, "expand_input")

    def _is_in_group_of(self, task: BaseOperator) -> bool:
        from airflow_lite.authoring.graph.mapped_group import mapped_group_of

        group = mapped_group_of(self.operator.task_group)
        return group is not None and group is mapped_group_of(task.task_group)

    def plain(self) -> Iterator[XComArg]:
        """Yield the XComs that this is made of: itself."""
        yield self

    @property
    def expansion(self) -> list[Any]:
        """How many instances a task gets that is mapped over it, as data: see `spec.mapping`."""
        return ["result", self.operator.task_id]

    def map(self, f: Callable[[Any], Any]) -> MapXComArg:
        """Return a result whose items are those of this, each handed to `f` where it is used."""
        from airflow_lite.authoring.graph.combined_args import MapXComArg

        self._refuse_key("map against")
        return MapXComArg(self, [f])

    def zip(self, *others: XComArg, fillvalue: Any = NO_VALUE) -> ZipXComArg:
        """Return a result of tuples, each of an item of this and of every other.

        It is as long as the shortest; with `fillvalue`, as the longest.
        """
        from airflow_lite.authoring.graph.combined_args import ZipXComArg

        self._refuse_key("map against")
        return ZipXComArg([self, *others], fillvalue)

    def concat(self, *others: XComArg) -> ConcatXComArg:
        """Return a result of the items of this and then those of the others."""
        from airflow_lite.authoring.graph.combined_args import ConcatXComArg

        self._refuse_key("concatenate")
        return ConcatXComArg([self, *others])

    def _refuse_key(self, what: str) -> None:
        if any(arg.key != RETURN_VALUE for arg in self.plain()):
            raise ValueError(f"cannot {what} non-return XCom")

    def as_setup(self) -> XComArg:
        """Make the task a setup task."""
        for task in self.roots:
            task.as_setup()
        return self

    def as_teardown(self, **options: Any) -> XComArg:
        """Make the task a teardown task: see `BaseOperator.as_teardown`."""
        for task in self.roots:
            task.as_teardown(**options)
        return self

    def __enter__(self) -> Scope:
        return self.operator.__enter__()

    def __exit__(self, *details: object) -> None:
        self.operator.__exit__(*details)
