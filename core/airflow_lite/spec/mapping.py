"""How many instances a mapped task gets: an expression over literals and results, as data.

An expression is a list that JSON holds: `["literal", 3]`, `["result", task id]`, or the name of a
rule and the expressions that it is of: `product` of several arguments, `shortest` and `longest` of
what is zipped, `sum` of what is concatenated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

#: Rule -> the length that follows from the lengths of its parts.
_RULES: dict[str, Callable[[Sequence[int]], int]] = {
    "product": prod,
    "shortest": min,
    "longest": max,
    "sum": sum,
}
#: More instances than these a task never gets: they would fill the scheduler's memory.
MOST_INSTANCES = 100_000


def sources(expansion: Sequence[Any]) -> Iterator[str]:
    """Yield the tasks by whose results the length goes."""
    kind, *parts = expansion
    if kind == "result":
        yield parts[0]
    elif kind != "literal":
        for part in parts:
            yield from sources(part)


def length(expansion: Sequence[Any], result: Callable[[str], int | None]) -> int | None:
    """Return the length; None while that of a result, as `result` says by task id, is not known."""
    kind, *parts = expansion
    if kind == "literal":
        return int(parts[0])
    if kind == "result":
        return result(parts[0])
    lengths = [length(part, result) for part in parts]
    known = [item for item in lengths if item is not None]
    return _RULES[kind](known) if len(known) == len(lengths) else None
