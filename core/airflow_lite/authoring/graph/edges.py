"""Edges between tasks: `>>`, `<<`, chain, cross_downstream and labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from airflow_lite.authoring.arguments import checks
from airflow_lite.errors import AirflowDagException

if TYPE_CHECKING:
    from airflow_lite.authoring.operator import BaseOperator

    #: What may stand beside a task in `>>`; text is iterable, but holds nothing of the kind.
    Operand: TypeAlias = "Connectable | Iterable[Connectable | Iterable[Connectable]]"

Other = TypeVar("Other", bound="Operand")


class Connectable:
    """Either side of `>>`: a task, a group, an XComArg, a label."""

    @property
    @abstractmethod
    def roots(self) -> Sequence[BaseOperator]:
        """The tasks that an edge into this arrives at."""

    @property
    def leaves(self) -> Sequence[BaseOperator]:
        """The tasks that an edge out of this leaves from."""
        return self.roots

    def set_upstream(self, task_or_list: Operand, edge_modifier: Label | None = None) -> None:
        """Let the given task, group, XComArg or a list of such run before this."""
        for other in connectables(task_or_list):
            _connect(other, self, edge_modifier)

    def set_downstream(self, task_or_list: Operand, edge_modifier: Label | None = None) -> None:
        """Let the given task, group, XComArg or a list of such run after this."""
        for other in connectables(task_or_list):
            _connect(self, other, edge_modifier)

    def __rshift__(self, other: Other) -> Other:
        self.set_downstream(other)
        return other

    def __lshift__(self, other: Other) -> Other:
        self.set_upstream(other)
        return other

    def __rrshift__(self, other: Any) -> Any:
        self.set_upstream(other)
        return self

    def __rlshift__(self, other: Any) -> Any:
        self.set_downstream(other)
        return self


class Label(Connectable):
    """A text on an edge: `a >> Label("if new") >> b`."""

    def __init__(self, label: str) -> None:
        self.label = checks.checked("Label", "label", checks.text, label)
        self._before: list[Connectable] = []
        self._after: list[Connectable] = []

    @property
    def roots(self) -> Sequence[BaseOperator]:
        """The tasks that edges into the nodes after the label arrive at."""
        return [task for node in self._after for task in node.roots]

    @property
    def leaves(self) -> Sequence[BaseOperator]:
        """The tasks that edges out of the nodes before the label leave from."""
        return [task for node in self._before for task in node.leaves]

    def come_after(self, node: Connectable) -> None:
        """Add `node` before the label."""
        self._before.append(node)
        for after in self._after:
            _connect(node, after, self)

    def come_before(self, node: Connectable) -> None:
        """Add `node` after the label."""
        self._after.append(node)
        for before in self._before:
            _connect(before, node, self)


def connectables(value: Any) -> list[Any]:
    """Return the nodes in `value`, however nested; raise where something can have no edges."""
    if isinstance(value, Connectable):
        return [value]
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict)):
        return [item for part in value for item in connectables(part)]
    raise AirflowDagException(
        f"Relationships can only be set between operators; received {type(value).__name__}."
    )


def _connect(before: Connectable, after: Connectable, label: Label | None) -> None:
    if isinstance(after, Label):
        after.come_after(before)
    elif isinstance(before, Label):
        before.come_before(after)
    else:
        roots = after.roots
        for upstream in before.leaves:
            for downstream in roots:
                _link(upstream, downstream, label)


def _link(upstream: BaseOperator, downstream: BaseOperator, label: Label | None) -> None:
    dag = _common_dag(upstream, downstream)
    upstream.downstream_task_ids.add(downstream.task_id)
    downstream.upstream_task_ids.add(upstream.task_id)
    if label is not None:
        dag.edge_info.setdefault(upstream.task_id, {})[downstream.task_id] = {"label": label.label}


def _common_dag(upstream: BaseOperator, downstream: BaseOperator) -> Any:
    dags = [task.dag for task in (upstream, downstream) if task.has_dag()]
    both = f"{upstream.task_id!r} and {downstream.task_id!r}"
    if not dags:
        raise AirflowDagException(
            f"Tried to create a relationship between tasks that have no DAG yet: {both}. "
            "Make them inside `with DAG(…)`."
        )
    if dags[0] is not dags[-1]:
        raise AirflowDagException(
            f"Tried to set a relationship between tasks of more than one DAG: {both} are of "
            f"{dags[0].dag_id!r} and {dags[-1].dag_id!r}."
        )
    for task in (upstream, downstream):
        if not task.has_dag():
            task.dag = dags[0]
    return dags[0]


def chain(*tasks: Operand) -> None:
    """Put tasks, groups or lists of them one after the other.

    Two neighbouring lists must be of equal length and are joined pair by pair.
    """
    for before, after in pairwise(tasks):
        if isinstance(before, Connectable):
            before.set_downstream(after)
        elif isinstance(after, Connectable):
            after.set_upstream(before)
        else:
            _chain_lists(list(before), list(after))


def _chain_lists(before: list[Any], after: list[Any]) -> None:
    if len(before) != len(after):
        raise AirflowDagException(
            "chain() joins neighbouring lists pair by pair, so they must be of equal length: "
            f"got {len(before)} and {len(after)}."
        )
    for upstream, downstream in zip(before, after, strict=True):
        upstream.set_downstream(downstream)


def chain_linear(*elements: Operand) -> None:
    """Put tasks, groups or lists of them one after the other, every task of a list to every next.

    Empty lists are skipped. At least two elements with tasks are needed.
    """
    filled = [listed for listed in map(connectables, elements) if listed]
    if len(filled) < 2:
        raise AirflowDagException("chain_linear() needs at least two elements that have tasks.")
    for before, after in pairwise(filled):
        for upstream in before:
            upstream.set_downstream(after)


def cross_downstream(from_tasks: Sequence[Any], to_tasks: Any) -> None:
    """Let every task of `to_tasks` run after every task of `from_tasks`."""
    for task in from_tasks:
        task.set_downstream(to_tasks)
