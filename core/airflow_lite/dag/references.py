"""Arguments that have their value only when the task runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_lite.dag.operator import BaseOperator


class Reference:
    """Something in an argument that has its value only when the task runs: `resolve(context)`."""

    @property
    def roots(self) -> Sequence[BaseOperator]:
        """The tasks that must have run before this has a value."""
        return ()

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """Return the value, given the context of the task that asks."""
        raise NotImplementedError


def references(value: object) -> Iterator[Reference]:
    """Yield what in `value`, however nested, is resolved at run time and names tasks."""
    if isinstance(value, (str, int, float, type(None))):
        return
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from references(item)
    elif not isinstance(value, type) and not hasattr(value, "task_id"):
        for name in getattr(value, "template_fields", ()):
            yield from references(getattr(value, name, None))
