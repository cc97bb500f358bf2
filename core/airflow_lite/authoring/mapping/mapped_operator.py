"""A mapped task: what makes the operator of each of its instances, when that runs."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from airflow_lite.authoring import current
from airflow_lite.authoring.graph.mapped_group import mapped_group_of
from airflow_lite.authoring.mapping.expand_input import (
    ExpandInput,
    ListOfArguments,
    ListsOfArguments,
    check_arguments,
    refuse_duplicates,
)
from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.errors import AirflowException

#: What is known of operators already: the names of their arguments.
_ARGUMENTS: dict[type, frozenset[str]] = {}
_DUPLICATE = "unmappable or already specified"


def arguments_of(operator_class: type[BaseOperator]) -> frozenset[str]:
    """Return the names of all arguments of an operator, its bases' among them."""
    if operator_class not in _ARGUMENTS:
        _ARGUMENTS[operator_class] = frozenset(
            name
            for kind in operator_class.__mro__
            if "__init__" in vars(kind) and issubclass(kind, BaseOperator)
            for name, item in inspect.signature(kind.__init__).parameters.items()
            if name != "self" and item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)
        )
    return _ARGUMENTS[operator_class]


def taken(partial_kwargs: Mapping[str, Any]) -> set[str]:
    """Return the arguments that are not to be mapped: those given, and all settings of a task.

    Params are merged.
    """
    return {*arguments_of(BaseOperator), *partial_kwargs} - {"params"}


class OperatorPartial:
    """What `Operator.partial(…)` returns: some arguments, and `expand` for the others."""

    def __init__(self, operator_class: type[BaseOperator], arguments: dict[str, Any]) -> None:
        self._is_mapped = True  # until all is checked: nothing is said of what was refused
        self.operator_class = operator_class
        check_arguments(
            f"{operator_class.__name__}.partial()",
            arguments,
            arguments_of(operator_class),
            expands=False,
        )
        if "task_concurrency" in arguments:
            raise TypeError("unexpected argument: task_concurrency")
        if "task_id" not in arguments:
            raise TypeError("partial() missing 1 required keyword-only argument: 'task_id'")
        dag, group = current.place(arguments.get("dag"), arguments.get("task_group"))
        self.arguments = {**arguments, "dag": dag, "task_group": group}
        self._is_mapped = False

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.operator_class.__name__}.partial({shown})"

    def __del__(self) -> None:
        if not self._is_mapped:
            task_id = self.arguments["task_id"]
            warnings.warn(f"Task {task_id!r} was never mapped!", UserWarning, stacklevel=1)

    def expand(self, **mapped_kwargs: Any) -> MappedOperator:
        """Make the task, of an instance for each combination of the values of these arguments."""
        if not mapped_kwargs:
            raise TypeError("no arguments to expand against")
        name = f"{self.operator_class.__name__}.expand()"
        check_arguments(name, mapped_kwargs, arguments_of(self.operator_class), expands=True)
        refuse_duplicates(taken(self.arguments), mapped_kwargs, _DUPLICATE)
        return self._expand(ListsOfArguments(mapped_kwargs), strict=False)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> MappedOperator:
        """Make the task, of an instance for each of these dicts of arguments.

        Unless `strict`, these may be arguments that `partial` was given, too.
        """
        return self._expand(ListOfArguments(kwargs), strict=strict)

    def _expand(self, expand_input: ExpandInput, *, strict: bool) -> MappedOperator:
        self._is_mapped = True
        return MappedOperator(
            operator_class=self.operator_class,
            partial_kwargs=self.arguments,
            expand_input=expand_input,
            strict=strict,
        )


class MappedOperator(BaseOperator):
    """A task of several instances; each makes its own operator from the arguments of its index.

    It has the settings that its instances share.
    """

    #: What is said where both `partial` and what is mapped over give an argument.
    _duplicate = _DUPLICATE

    def __init__(
        self,
        *,
        operator_class: type[BaseOperator],
        partial_kwargs: dict[str, Any],
        expand_input: ExpandInput,
        strict: bool = True,
        **_shared: Any,
    ) -> None:
        own = {
            name: partial_kwargs[name]
            for name in arguments_of(BaseOperator) & partial_kwargs.keys()
        }
        if own.get("sla") is not None:
            raise AirflowException(
                "SLAs are unsupported with mapped tasks. Please set `sla=None` for task"
                f" {own['task_id']!r}."
            )
        if mapped_group_of(own.get("task_group")) is not None:
            raise NotImplementedError(
                "operator expansion in an expanded task group is not yet supported"
            )
        self.operator_class = operator_class
        self.partial_kwargs = partial_kwargs
        self.expand_input = expand_input
        self.template_fields = operator_class.template_fields
        self.template_ext = operator_class.template_ext
        self._strict = strict
        super().__init__(**own)

    def _finish(self) -> None:
        """Link to the tasks whose results it is mapped over, or has among its arguments."""
        self.__dict__["_initialised"] = True
        for upstream in self.expand_input.sources:
            self.set_upstream(upstream)
            self.dag.mapped_over.add(upstream.task_id)
        for name in self.template_fields:
            self._link_references(self.partial_kwargs.get(name))

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def task_type(self) -> str:
        """The name of the class of its instances' operators."""
        return self.operator_class.__name__

    @property
    def operator_name(self) -> str:
        """The name to show."""
        return getattr(self.operator_class, "custom_operator_name", None) or self.task_type

    def unmap(self, context: Mapping[str, Any]) -> tuple[BaseOperator, set[int]]:
        """Return the operator of the map index of `context`, to be rendered and executed.

        The ids are of values that are not to be rendered: they were no text of the author's.
        """
        mapped, pulled = self.expand_input.resolve(context)
        if self._strict:
            refuse_duplicates(self._taken(), mapped, self._duplicate)
        arguments = self._arguments(mapped)
        with current.unmapping(self):
            operator = self.operator_class(**arguments)
        operator.__dict__["_initialised"] = False  # rendering must not link anything
        return operator, pulled

    def _taken(self) -> Collection[str]:
        """Return the arguments that are not to be mapped over once more."""
        return taken(self.partial_kwargs)

    def _arguments(self, mapped: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the operator of an instance."""
        arguments = {**self.partial_kwargs, **mapped}
        if "params" in mapped:
            arguments["params"] = {**self.params, **mapped["params"]}
        return arguments

    def prepare_for_execution(self) -> MappedOperator:
        """Return the task itself: each instance makes an operator of its own."""
        return self

    def execute(self, context: Any) -> NoReturn:
        """Raise: an instance has an operator of its own."""
        raise AirflowException(f"Mapped task {self.task_id!r} is run by its map indexes.")

    def __repr__(self) -> str:
        return f"<Mapped({self.task_type}): {self.task_id}>"
