"""Arguments that have their value only when the task runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


class Reference:
    """Something in an argument that has its value only when the task runs: `resolve(context)`."""

    @property
    def roots(self) -> Sequence[Any]:
        """The tasks that must have run before this has a value."""
        return ()

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """Return the value, given the context of the task that asks."""
        raise NotImplementedError

    def items(self, context: Mapping[str, Any]) -> Any:
        """Return the value as one that is mapped over, of which one item will be looked at."""
        return self.resolve(context)


class LiteralValue(Reference):
    """A value that is handed to the task as it is, templates in it unrendered."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """Return the value."""
        return self.value


def literal(value: Any) -> LiteralValue:
    """Return what a templated argument takes as it is: nothing in `value` is rendered."""
    return LiteralValue(value)


def references(value: object, _visited: frozenset[int] = frozenset()) -> Iterator[Reference]:
    """Yield the references in `value`, however nested."""
    if isinstance(value, (str, int, float, type(None))) or id(value) in _visited:
        return
    if isinstance(value, Reference):
        yield value
        return
    visited = _visited | {id(value)}
    for item in _parts(value):
        yield from references(item, visited)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if isinstance(value, type) or hasattr(value, "task_id"):  # an operator has its own edges
        return ()
    return [getattr(value, name, None) for name in getattr(value, "template_fields", ())]
