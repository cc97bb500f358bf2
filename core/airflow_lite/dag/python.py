"""PythonOperator: a task that calls a function."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from airflow_lite.dag import _checks
from airflow_lite.dag.callable_arguments import keyword_arguments
from airflow_lite.dag.operator import BaseOperator
from airflow_lite.dag.references import Reference


class PythonOperator(BaseOperator):
    """A task that calls `python_callable` and returns what it returns.

    Names of the context that the function's signature has, such as `ds` or `ti`, are handed to it;
    all of them if it takes `**kwargs`. `op_args` and `op_kwargs` come first.
    """

    template_fields: Sequence[str] = ("templates_dict", "op_args", "op_kwargs")
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
        owner = f"Task {self.dag_id}.{self.task_id}"
        self.python_callable = _checks.checked(
            owner, "python_callable", _checks.function, python_callable
        )
        self.op_args = checked_args(owner, op_args)
        self.op_kwargs = checked_kwargs(owner, op_kwargs)
        self.templates_dict = templates_dict
        if templates_exts:
            self.template_ext = tuple(templates_exts)
        self.show_return_value_in_logs = show_return_value_in_logs

    def execute(self, context: Any) -> Any:
        """Call the function and return what it returns."""
        self.prepare_call(context)
        value = self.execute_callable()
        if self.show_return_value_in_logs:
            self.log.info("Done. Returned value was: %s", value)
        else:
            self.log.info("Done. Returned value not shown")
        return value

    def prepare_call(self, context: Any) -> None:
        """Set `op_kwargs` to all that the function is called with by name."""
        names = {**context, **self.op_kwargs, "templates_dict": self.templates_dict}
        self.op_kwargs = keyword_arguments(self.python_callable, self.op_args, names)

    def execute_callable(self) -> Any:
        """Call the function with the arguments at hand."""
        return self.python_callable(*self.op_args, **self.op_kwargs)


def checked_args(owner: str, value: Any) -> Any:
    """Return op_args as a list; raise TypeError for what is none. A reference stays."""

    def check(found: Any) -> Any:
        if isinstance(found, (str, bytes)) or not isinstance(found, Collection):
            raise _checks.Wanted("a list")
        return list(found)

    if value is None or isinstance(value, Reference):
        return [] if value is None else value
    return _checks.checked(owner, "op_args", check, value)


def checked_kwargs(owner: str, value: Any) -> Any:
    """Return op_kwargs as a dict; raise TypeError for what is none. A reference stays."""
    if value is None or isinstance(value, Reference):
        return {} if value is None else value
    return _checks.checked(owner, "op_kwargs", _checks.mapping, value)
