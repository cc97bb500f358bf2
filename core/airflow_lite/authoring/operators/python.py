"""PythonOperator, and the base that it shares with other tasks that call a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.datasets.outlet_events import run_yielding
from airflow_lite.authoring.operator import BaseOperator


def _arguments(value: Any) -> list[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Collection):
        raise checks.WrongType("a list")
    return list(value)


class FunctionCaller(BaseOperator):
    """The part of an operator that calls `python_callable` with names of the context."""

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")

    python_callable = Argument(checks.function)
    op_args = Argument(checks.rendered(_arguments), list)
    op_kwargs = Argument(checks.rendered(checks.mapping), dict)
    templates_dict: Any

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | Callable[..., Any] | None = None,
        op_kwargs: Mapping[str, Any] | Callable[..., Any] | None = None,
        templates_dict: dict[str, Any] | Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(FunctionCaller, locals())
        self.templates_dict = templates_dict

    def _call_arguments(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments of the function's call.

        All of the context, op_kwargs over it, goes to a function that takes `**kwargs`, and what
        its signature names to any other; op_kwargs alone to a builtin that has no signature, where
        Airflow fails the task. Raises `ValueError` where `op_args` has taken a name.
        """
        own = {**self.op_kwargs, "templates_dict": self.templates_dict}
        try:
            parameters = inspect.signature(self.python_callable).parameters.values()
        except (TypeError, ValueError):  # a builtin without a signature
            return dict(self.op_kwargs)
        by_position = [
            item.name
            for item in parameters
            if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)
        ]
        both = [name for name in by_position[: len(self.op_args)] if name in own or name in context]
        if both:
            raise ValueError(
                f"The key {both[0]!r} in args is a part of kwargs and therefore reserved."
            )
        if any(item.kind is item.VAR_KEYWORD for item in parameters):
            return {**context, **own}
        by_keyword = (
            item.name
            for item in parameters
            if item.kind in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY)
        )
        return {
            name: own[name] if name in own else context[name]
            for name in by_keyword
            if name in own or name in context
        }


class PythonOperator(FunctionCaller):
    """A task that calls `python_callable` and returns its result.

    Names of the context that the function's signature has, such as `ds` or `ti`, are handed to it;
    all of them if it takes `**kwargs`. `op_args` and `op_kwargs` come first.
    """

    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | Callable[..., Any] | None = None,
        op_kwargs: Mapping[str, Any] | Callable[..., Any] | None = None,
        templates_dict: dict[str, Any] | Callable[..., Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        show_return_value_in_logs: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("provide_context", None)  # from before Airflow 2.0, and still in many files
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            templates_dict=templates_dict,
            **kwargs,
        )
        if templates_exts:
            self.template_ext = tuple(templates_exts)
        self.show_return_value_in_logs = show_return_value_in_logs
        self._outlet_events: Any = None  # of the context, once it runs

    def execute(self, context: Any) -> Any:
        """Call the function and return what it returns."""
        self.op_kwargs = self._call_arguments(context)
        self._outlet_events = context.get("outlet_events")
        value = self.execute_callable()
        if self.show_return_value_in_logs:
            self.log.info("Done. Returned value was: %s", value)
        else:
            self.log.info("Done. Returned value not shown")
        return value

    def execute_callable(self) -> Any:
        """Call the function with the arguments at hand; of what it yields, take the `Metadata`."""
        return run_yielding(
            self.python_callable, self._outlet_events, self.log, *self.op_args, **self.op_kwargs
        )
