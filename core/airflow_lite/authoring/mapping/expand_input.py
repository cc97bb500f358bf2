"""What a task or group is mapped over: lists for its arguments, or a list of all its arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence, Sized
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.arguments.references import Reference, references
from airflow_lite.authoring.graph.xcom_arg import RETURN_VALUE, XComArg

if TYPE_CHECKING:
    from airflow_lite.authoring.operator import BaseOperator


class ExpandInput(ABC):
    """The values that instances take their arguments from, each by its map index."""

    value: Any

    @property
    @abstractmethod
    def expansion(self) -> list[Any]:
        """How many there are, as data: see `spec.mapping`."""

    @abstractmethod
    def resolve(self, context: Mapping[str, Any]) -> tuple[dict[str, Any], set[int]]:
        """Return the arguments of one instance, and the ids of those not to be rendered."""

    @property
    def sources(self) -> list[BaseOperator]:
        """The tasks whose results are in it, each once."""
        roots = {id(root): root for item in references(self.value) for root in item.roots}
        return list(roots.values())

    @property
    def direct_sources(self) -> list[BaseOperator]:
        """The tasks by whose results it goes, not those whose results are items of lists."""
        items = self.value.values() if isinstance(self.value, Mapping) else [self.value]
        return [root for item in items if isinstance(item, XComArg) for root in item.roots]

    def check_keys(self) -> None:
        """Raise ValueError where an XCom under another key than the result's is mapped over."""
        for item in references(self.value):
            for plain in item.plain() if isinstance(item, XComArg) else ():
                if plain.key != RETURN_VALUE:
                    raise ValueError(
                        f"cannot map over XCom with custom key {plain.key!r} from"
                        f" {plain.operator!r}"
                    )


class ListsOfArguments(ExpandInput):
    """A list for each of several arguments: instances take every combination, the last first."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value = dict(value)
        self.check_keys()

    @property
    def expansion(self) -> list[Any]:
        """How many combinations there are."""
        lengths = [_length(item) for item in self.value.values()]
        return lengths[0] if len(lengths) == 1 else ["product", *lengths]

    def resolve(self, context: Mapping[str, Any]) -> tuple[dict[str, Any], set[int]]:
        """Return the combination of the instance's map index."""
        values = {
            name: item.items(context) if isinstance(item, Reference) else item
            for name, item in self.value.items()
        }
        chosen, index = {}, _index(context)
        for name, items in reversed(values.items()):
            if len(values) == 1 and (only := _only_item(items, index)):
                chosen[name] = only[0]
                continue
            length = len(items)
            if length < 1:
                raise RuntimeError(f"cannot expand field mapped to length {length!r}")
            chosen[name] = _item(items, index % length)
            index //= length
        arguments = {name: chosen[name] for name in values}
        pulled = (name for name, item in self.value.items() if isinstance(item, Reference))
        return arguments, {id(arguments[name]) for name in pulled}


class ListOfArguments(ExpandInput):
    """A list of all arguments of each instance."""

    def __init__(self, value: Any) -> None:
        _check_list(value)
        self.value = value
        self.check_keys()

    @property
    def expansion(self) -> list[Any]:
        """How many there are."""
        return _length(self.value)

    def resolve(self, context: Mapping[str, Any]) -> tuple[dict[str, Any], set[int]]:
        """Return those of the instance's map index."""
        items, index = self.value, _index(context)
        if isinstance(items, XComArg):
            items = items.items(context)
            if not isinstance(items, Sequence):
                raise ValueError(f"expand_kwargs() expects a list[dict], not {_kind(items)}")  # noqa: TRY004
        mapping = items[index]
        if isinstance(mapping, XComArg):
            mapping = mapping.resolve(context)
        if not isinstance(mapping, Mapping):
            raise ValueError(f"expand_kwargs() expects a list[dict], not list[{_kind(mapping)}]")  # noqa: TRY004
        for key in mapping:
            if not isinstance(key, str):
                raise ValueError(  # noqa: TRY004 - Airflow's
                    "expand_kwargs() input dict keys must all be str, but"
                    f" {key!r} is of type {_kind(key)}"
                )
        values = mapping.values()
        return dict(mapping), {id(value) for value in values if isinstance(value, Reference)}


class MappedArgument(Reference):
    """An argument of a mapped group's function: its value differs from map index to map index."""

    def __init__(self, expand_input: ExpandInput, key: str) -> None:
        self.expand_input = expand_input
        self.key = key

    @property
    def roots(self) -> Sequence[BaseOperator]:
        """The tasks whose results it is out of."""
        return self.expand_input.sources

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """Return the value of the map index of the task that asks."""
        return self.expand_input.resolve(context)[0][self.key]


def check_arguments(
    where: str, names: Mapping[str, Any], known: frozenset[str], *, expands: bool
) -> None:
    """Raise TypeError for unknown arguments, ValueError for what cannot be mapped over."""
    for name, value in names.items():
        if expands and name in known and not is_mappable(value):
            raise ValueError(
                f"{where} got an unexpected type {_kind(value)!r} for keyword argument {name}"
            )
    unknown = [name for name in names if name not in known]
    if len(unknown) == 1:
        raise TypeError(f"{where} got an unexpected keyword argument {unknown[0]!r}")
    if unknown:
        raise TypeError(f"{where} got unexpected keyword arguments {', '.join(map(repr, unknown))}")


def refuse_duplicates(given: Collection[str], more: Iterable[str], reason: str) -> None:
    """Raise TypeError where both name an argument."""
    both = [name for name in more if name in given]
    if len(both) == 1:
        raise TypeError(f"{reason} argument: {both[0]}")
    if both:
        raise TypeError(f"{reason} arguments: {', '.join(both)}")


def is_mappable(value: object) -> bool:
    """Tell whether an argument can be mapped over: a list, a dict, or a result of a task."""
    kinds = (MappedArgument, XComArg, Mapping, Sequence)
    return isinstance(value, kinds) and not isinstance(value, str)


def _check_list(value: Any) -> None:
    if isinstance(value, XComArg):
        return
    if not isinstance(value, Sequence) or not all(
        isinstance(item, (XComArg, Mapping)) for item in value
    ):
        raise TypeError(f"expected XComArg or list[dict], not {_kind(value)}")


def _length(value: Any) -> list[Any]:
    if isinstance(value, XComArg):
        return value.expansion
    if isinstance(value, MappedArgument):
        raise NotImplementedError("a mapped group's argument cannot be mapped over once more")
    assert isinstance(value, Sized)
    return ["literal", len(value)]


def _index(context: Mapping[str, Any]) -> int:
    index: int = context["ti"].map_index
    if index < 0:
        raise RuntimeError("can't resolve task-mapping argument without expanding")
    return index


def _only_item(items: Any, index: int) -> list[Any]:
    """Return the item of that index, in a list, without asking how many there are."""
    if isinstance(items, Sequence):
        with suppress(IndexError):
            return [items[index]]
    return []


def _item(items: Any, index: int) -> Any:
    if isinstance(items, Sequence):
        return items[index]
    if not isinstance(items, Mapping):
        raise TypeError(f"can't map over value of type {type(items)}")
    return list(items.items())[index]


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
