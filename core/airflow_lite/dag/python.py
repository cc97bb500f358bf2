"""PythonOperator: a task that calls a function."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from airflow_lite.dag.function_call import FunctionCaller


class PythonOperator(FunctionCaller):
    """A task that calls `python_callable` and returns what it returns.

    Names of the context that the function's signature has, such as `ds` or `ti`, are handed to it;
    all of them if it takes `**kwargs`. `op_args` and `op_kwargs` come first.
    """

    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        show_return_value_in_logs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._set_call(python_callable, op_args, op_kwargs, templates_dict)
        if templates_exts:
            self.template_ext = tuple(templates_exts)
        self.show_return_value_in_logs = show_return_value_in_logs

    def execute(self, context: Any) -> Any:
        """Call the function and return what it returns."""
        self.op_kwargs = self._call_arguments(context)
        value = self.execute_callable()
        if self.show_return_value_in_logs:
            self.log.info("Done. Returned value was: %s", value)
        else:
            self.log.info("Done. Returned value not shown")
        return value

    def execute_callable(self) -> Any:
        """Call the function with the arguments at hand."""
        return self.python_callable(*self.op_args, **self.op_kwargs)
