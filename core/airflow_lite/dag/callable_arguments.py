"""Which of the context's names a function is called with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def keyword_arguments(
    function: Callable[..., Any], args: Sequence[Any], context: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the keyword arguments to call `function` with, besides `args`.

    `context` holds the context's names with op_kwargs over them; all of it goes to a function that
    takes `**kwargs`, and what its signature names to any other. Raises `ValueError` where one of
    the names is taken by `args`.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin without a signature
        return {}
    positional = _taken(parameters, len(args))
    both = [name for name in positional if name in context]
    if both:
        raise ValueError(f"The key {both[0]!r} in args is a part of kwargs and therefore reserved.")
    if any(item.kind is item.VAR_KEYWORD for item in parameters.values()):
        return dict(context)
    return {
        name: context[name]
        for name, item in parameters.items()
        if name in context and item.kind in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY)
    }


def _taken(parameters: Mapping[str, inspect.Parameter], count: int) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [name for name, item in parameters.items() if item.kind in kinds][:count]
