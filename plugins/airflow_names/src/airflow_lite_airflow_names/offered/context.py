"""airflow.utils.context and .operator_helpers: the context, and what a function takes of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Container, Mapping, MutableMapping
from typing import Any

from airflow_lite.authoring.context import CONTEXT_KEYS, Context
from airflow_lite.authoring.operators.programs import context_variables

KNOWN_CONTEXT_KEYS = set(CONTEXT_KEYS)
DEFAULT_FORMAT_PREFIX = "airflow.ctx."
ENV_VAR_FORMAT_PREFIX = "AIRFLOW_CTX_"


def context_merge(context: MutableMapping[str, Any], *args: Any, **kwargs: Any) -> None:
    """Put more values into a context."""
    context.update(*args, **kwargs)


def context_copy_partial(source: Mapping[str, Any], keys: Container[str]) -> Context:
    """Return a context with these values alone."""
    return Context({key: source[key] for key in source if key in keys})


def lazy_mapping_from_context(source: Context) -> Mapping[str, Any]:
    """Return the context: its values are looked up when they are read."""
    return source


def context_to_airflow_vars(
    context: Mapping[str, Any],
    in_env_var_format: bool = False,  # noqa: FBT001, FBT002 - Airflow's
) -> dict[str, str]:
    """Return what the environment of a command tells of its task, or the same as dotted names."""
    variables = context_variables(context)
    if in_env_var_format:
        return variables
    return {
        f"{DEFAULT_FORMAT_PREFIX}{name.removeprefix(ENV_VAR_FORMAT_PREFIX).lower()}": value
        for name, value in variables.items()
    }


def determine_kwargs(
    func: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return those of the keywords that a function takes beside `args`; raise ValueError."""
    parameters = inspect.signature(func).parameters
    for name in list(parameters)[: len(args)]:
        if name in kwargs:
            raise ValueError(
                f"The key {name!r} in args is a part of kwargs and therefore reserved."
            )
    if any(item.kind == item.VAR_KEYWORD for item in parameters.values()):
        return kwargs
    return {name: kwargs[name] for name in parameters if name in kwargs}


def make_kwargs_callable(func: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes any keyword and hands on those that `func` takes."""
    import functools

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **determine_kwargs(func, args, kwargs))

    return call


class KeywordParameters:
    """The keywords that a function takes."""

    def __init__(self, kwargs: Mapping[str, Any], *, wildcard: bool) -> None:
        self._kwargs = kwargs
        self._wildcard = wildcard

    @classmethod
    def determine(
        cls, func: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]
    ) -> KeywordParameters:
        """Find them out."""
        kinds = {item.kind for item in inspect.signature(func).parameters.values()}
        named = determine_kwargs(func, args, kwargs)
        return cls(named, wildcard=inspect.Parameter.VAR_KEYWORD in kinds)

    def unpacking(self) -> Mapping[str, Any]:
        """Return them, for `**`."""
        return self._kwargs

    def serializing(self) -> Mapping[str, Any]:
        """Return them."""
        return self._kwargs


def context_get_outlet_events(context: Mapping[str, Any]) -> Any:
    """Return what a task says of the datasets that it changes."""
    return context["outlet_events"]
