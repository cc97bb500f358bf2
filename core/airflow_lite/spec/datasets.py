"""Datasets in a schedule, as data: what has to change before a run is made.

An expression is the URI of a dataset, `{"alias": NAME}`, or `{"any": [EXPRESSION, …]}` and
`{"all": […]}`, as Airflow writes it. An alias is any of the datasets that were linked to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Mapping

#: The longest URI, and the longest name of an alias, in bytes: PostgreSQL has them in an index.
MOST_BYTES = 2_500


def is_met(
    expression: Any, changed: Container[str], aliases: Mapping[str, Collection[str]]
) -> bool:
    """Tell whether these changed datasets meet it; `aliases` has the URIs linked to each name."""
    if isinstance(expression, str):
        return expression in changed
    if "alias" in expression:
        return any(uri in changed for uri in aliases.get(expression["alias"], ()))
    if "any" in expression:
        return any(is_met(part, changed, aliases) for part in expression["any"])
    return all(is_met(part, changed, aliases) for part in expression["all"])


def uris_in(expression: Any) -> Iterator[str]:
    """Yield the URIs that it names, in order; one that is there twice comes twice."""
    if isinstance(expression, str):
        yield expression
        return
    for part in _parts(expression):
        yield from uris_in(part)


def aliases_in(expression: Any) -> Iterator[str]:
    """Yield the names of aliases in it, in order."""
    if isinstance(expression, str):
        return
    if "alias" in expression:
        yield expression["alias"]
    for part in _parts(expression):
        yield from aliases_in(part)


def _parts(expression: Mapping[str, Any]) -> list[Any]:
    return [*expression.get("any", ()), *expression.get("all", ())]
