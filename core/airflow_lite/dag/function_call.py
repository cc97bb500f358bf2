"""Tasks that call a function: its arguments, checked when written and completed when called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from types import FunctionType
from typing import Any, NamedTuple

from airflow_lite.dag import _checks
from airflow_lite.dag.operator import BaseOperator


class Names(NamedTuple):
    """The names by which a function's parameters can be given."""

    positional: tuple[str, ...]
    by_keyword: tuple[str, ...]
    takes_any: bool


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
    names = _names(function)
    if names is None:
        return {}
    both = [name for name in names.positional[: len(args)] if name in context]
    if both:
        raise ValueError(f"The key {both[0]!r} in args is a part of kwargs and therefore reserved.")
    if names.takes_any:
        return dict(context)
    return {name: context[name] for name in names.by_keyword if name in context}


def _names(function: Callable[..., Any]) -> Names | None:
    """Read them; None of a builtin without a signature."""
    if type(function) is FunctionType and not function.__dict__:
        return _of_code(function)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    kind = inspect.Parameter
    either, keyword = (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD), kind.KEYWORD_ONLY
    return Names(
        tuple(item.name for item in parameters if item.kind in either),
        tuple(item.name for item in parameters if item.kind in (either[1], keyword)),
        any(item.kind is kind.VAR_KEYWORD for item in parameters),
    )


def _of_code(function: FunctionType) -> Names:
    """Read them of a plain function: a tenth of the time that `inspect.signature` takes.

    One with attributes is not plain: `__wrapped__` or `__signature__` may tell of another.
    """
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    keyword = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    by_keyword = positional[code.co_posonlyargcount :] + keyword
    return Names(positional, by_keyword, bool(code.co_flags & inspect.CO_VARKEYWORDS))
