"""Tasks that call a function: its arguments, checked when written and completed when called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from airflow_lite.dag import _checks
from airflow_lite.dag.operator import BaseOperator


class FunctionCaller(BaseOperator):
    """The part of an operator that calls `python_callable` with names of the context."""

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")

    python_callable: Callable[..., Any]
    op_args: Any
    op_kwargs: Any
    templates_dict: dict[str, Any] | None

    def _set_call(
        self,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None,
        op_kwargs: Mapping[str, Any] | None,
        templates_dict: dict[str, Any] | None = None,
    ) -> None:
        """Check and keep the function and its arguments; a reference among them stays."""
        self.python_callable = self._checked("python_callable", _checks.function, python_callable)
        listed, mapped = _checks.templated(_arguments), _checks.templated(_checks.mapping)
        self.op_args = self._checked("op_args", listed, [] if op_args is None else op_args)
        self.op_kwargs = self._checked("op_kwargs", mapped, {} if op_kwargs is None else op_kwargs)
        self.templates_dict = templates_dict

    def _call_arguments(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Return all that the function is called with by name."""
        names = {**context, **self.op_kwargs, "templates_dict": self.templates_dict}
        return keyword_arguments(self.python_callable, self.op_args, names)


def _arguments(value: Any) -> list[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Collection):
        raise _checks.Wanted("a list")
    return list(value)


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
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [name for name, item in parameters.items() if item.kind in kinds]
    both = [name for name in positional[: len(args)] if name in context]
    if both:
        raise ValueError(f"The key {both[0]!r} in args is a part of kwargs and therefore reserved.")
    if any(item.kind is item.VAR_KEYWORD for item in parameters.values()):
        return dict(context)
    return {
        name: context[name]
        for name, item in parameters.items()
        if name in context and item.kind in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY)
    }
