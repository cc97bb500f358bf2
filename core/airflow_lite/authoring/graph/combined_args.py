"""XComArgs made of others: `map`, `zip` and `concat`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.graph.xcom_arg import NO_VALUE, XComArg

if TYPE_CHECKING:
    from airflow_lite.authoring.operator import BaseOperator

Values = Sequence[Any] | Mapping[Any, Any]


class CombinedArg(XComArg):
    """Results of one or more tasks, each as it is when a task runs."""

    def __init__(self, args: Sequence[XComArg]) -> None:
        if not args:
            raise ValueError("At least one input is required")
        self.args = list(args)

    @property
    def roots(self) -> list[BaseOperator]:
        """The tasks that return them."""
        return [root for arg in self.args for root in arg.roots]

    def plain(self) -> Iterator[XComArg]:
        """Yield the XComs that it is made of."""
        for arg in self.args:
            yield from arg.plain()

    def __getitem__(self, key: str) -> XComArg:
        raise TypeError(f"{type(self).__name__} has no keys.")

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __str__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.args))})"

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """Return the items; those of a `map` are made when they are looked at."""
        return self._combined([arg.resolve(context) for arg in self.args])

    def items(self, context: Mapping[str, Any]) -> Any:
        """Return the same, as what is mapped over."""
        return self._combined([arg.items(context) for arg in self.args])

    def _combined(self, values: list[Any]) -> Any:
        raise NotImplementedError

    def _checked(self, values: list[Any], what: str) -> list[Values]:
        for value in values:
            if not isinstance(value, (Sequence, Mapping)):
                kind = type(value).__name__
                raise ValueError(f"XCom {what} expects sequence or dict, not {kind}")  # noqa: TRY004
        return values


class MapXComArg(CombinedArg):
    """A result with functions applied to each of its items, in the task that uses it."""

    def __init__(self, arg: XComArg, functions: Sequence[Callable[[Any], Any]]) -> None:
        for function in functions:
            if hasattr(function, "operator_class"):
                raise ValueError("map() argument must be a plain function, not a @task operator")
        super().__init__([arg])
        self.functions = list(functions)

    @property
    def expansion(self) -> list[Any]:
        """As many as there are items."""
        return self.args[0].expansion

    def map(self, f: Callable[[Any], Any]) -> MapXComArg:
        """Apply one function more."""
        return MapXComArg(self.args[0], [*self.functions, f])

    def _combined(self, values: list[Any]) -> Any:
        return _Mapped(self._checked(values, "map")[0], self.functions)


class ZipXComArg(CombinedArg):
    """Tuples of the first items of several results, the second, and so on."""

    def __init__(self, args: Sequence[XComArg], fillvalue: Any = NO_VALUE) -> None:
        super().__init__(args)
        self.fillvalue = fillvalue

    @property
    def expansion(self) -> list[Any]:
        """As many as the shortest has; with a fill value, as the longest."""
        kind = "shortest" if self.fillvalue is NO_VALUE else "longest"
        return [kind, *(arg.expansion for arg in self.args)]

    def _combined(self, values: list[Any]) -> Any:
        return _Zipped(self._checked(values, "zip"), self.fillvalue)


class ConcatXComArg(CombinedArg):
    """The items of several results, one after the other."""

    @property
    def expansion(self) -> list[Any]:
        """As many as all have."""
        return ["sum", *(arg.expansion for arg in self.args)]

    def concat(self, *others: XComArg) -> ConcatXComArg:
        """Add others at the end."""
        return ConcatXComArg([*self.args, *others])

    def _combined(self, values: list[Any]) -> Any:
        return _Concatenated(self._checked(values, "concat"))


class _Mapped(Sequence[Any]):
    def __init__(self, values: Values, functions: Sequence[Callable[[Any], Any]]) -> None:
        self._values = values
        self._functions = functions

    def __getitem__(self, index: Any) -> Any:
        value = self._values[index]
        for function in self._functions:
            value = function(value)
        return value

    def __iter__(self) -> Iterator[Any]:
        """Yield the items, as they come from a sequence: by its places they may come one by one."""
        if not isinstance(self._values, Sequence):
            yield from super().__iter__()
            return
        for value in self._values:
            item = value
            for function in self._functions:
                item = function(item)
            yield item

    def __len__(self) -> int:
        return len(self._values)


class _Zipped(Sequence[Any]):
    def __init__(self, values: Sequence[Values], fillvalue: Any) -> None:
        self._values = values
        self._fillvalue = fillvalue

    def __getitem__(self, index: Any) -> Any:
        if index >= len(self):
            raise IndexError(index)
        return tuple(self._item(value, index) for value in self._values)

    def _item(self, value: Any, index: int) -> Any:
        try:
            return value[index]
        except (IndexError, KeyError):
            return self._fillvalue

    def __iter__(self) -> Iterator[Any]:
        if not all(isinstance(value, Sequence) for value in self._values):
            return super().__iter__()
        if self._fillvalue is NO_VALUE:
            return zip(*self._values, strict=False)
        return zip_longest(*self._values, fillvalue=self._fillvalue)

    def __len__(self) -> int:
        lengths = [len(value) for value in self._values]
        return min(lengths) if self._fillvalue is NO_VALUE else max(lengths)


class _Concatenated(Sequence[Any]):
    def __init__(self, values: Sequence[Values]) -> None:
        self._values = values

    def __getitem__(self, index: Any) -> Any:
        left = index if index >= 0 else len(self) + index
        for value in self._values:
            if 0 <= left < len(value):
                if isinstance(value, Sequence):
                    return value[left]
                return next(islice(iter(value), left, None))
            left -= len(value)
        raise IndexError("list index out of range")

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self._values)

    def __len__(self) -> int:
        return sum(len(value) for value in self._values)
