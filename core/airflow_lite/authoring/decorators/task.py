"""`@task` and its kin: functions whose call in a DAG makes a task."""

from __future__ import annotations

import copy
import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from airflow_lite.authoring import current
from airflow_lite.authoring.decorators.operators import (
    BashDecorated,
    BranchDecorated,
    BranchExternalPythonDecorated,
    BranchVirtualenvDecorated,
    Decorated,
    ExternalPythonDecorated,
    MappedFunction,
    PythonDecorated,
    SensorDecorated,
    ShortCircuitDecorated,
    VirtualenvDecorated,
    free_id,
)
from airflow_lite.authoring.graph.xcom_arg import XComArg
from airflow_lite.authoring.mapping.expand_input import (
    ExpandInput,
    ListOfArguments,
    ListsOfArguments,
    check_arguments,
    refuse_duplicates,
)
from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.errors import AirflowDagException, AirflowSkipException
from airflow_lite.states import TriggerRule

Condition = Callable[[Any], "bool | tuple[bool, str | None]"]
P = ParamSpec("P")
R = TypeVar("R")


class TaskFactory(Generic[P, R]):
    """A function whose call makes a task and returns its XComArg."""

    function: Callable[P, R]
    __name__: str

    def __init__(
        self,
        function: Callable[P, R],
        operator_class: type[Decorated],
        options: Mapping[str, Any],
    ) -> None:
        if isinstance(function, TaskFactory):
            raise TypeError(
                f"{function.function.__name__!r} is decorated with @task twice. Do it once."
            )
        functools.update_wrapper(self, function)
        self.function = function
        self.operator_class = operator_class
        self.options = dict(options)
        self.marks: dict[str, Any] = {}  # is_setup, is_teardown, on_failure_fail_dagrun
        self.arguments: dict[str, Any] = {}  # of `partial`

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> XComArg: ...

    # Any argument may be the result of another task, which no type of a signature can say.
    @overload
    def __call__(self, *args: Any, **kwargs: Any) -> XComArg: ...

    def __call__(self, *args: Any, **kwargs: Any) -> XComArg:
        """Make the task, with these arguments for the function."""
        if self.arguments:
            raise TypeError("Arguments of partial() are for expand() or expand_kwargs().")
        options = self._operator_options()
        operator = self.operator_class(
            python_callable=self.function, op_args=args, op_kwargs=kwargs, **options
        )
        return self._marked(operator)

    def _operator_options(self) -> dict[str, Any]:
        options = {"task_id": self.function.__name__, **self.options}
        if options.get("doc_md") is None and self.function.__doc__:
            options["doc_md"] = inspect.getdoc(self.function)
        if options.get("multiple_outputs") is None:
            options["multiple_outputs"] = returns_dict(self.function)
        return options

    def _marked(self, operator: BaseOperator) -> XComArg:
        """Make the task a setup or teardown if it is to be, and return its result."""
        if self.marks.get("is_setup"):
            operator.as_setup()
        if self.marks.get("is_teardown"):
            if "trigger_rule" in self.options:
                raise AirflowDagException(
                    f"Teardown task {operator.task_id!r} cannot have a trigger_rule of its own."
                )
            operator.as_teardown(
                on_failure_fail_dagrun=self.marks.get("on_failure_fail_dagrun", False)
            )
        return XComArg(operator)

    def partial(self, **kwargs: Any) -> TaskFactory[P, R]:
        """Return the same with some arguments of the function given, to be mapped over others."""
        self._check_arguments("partial", kwargs)
        refuse_duplicates(self.arguments, kwargs, "duplicate partial")
        return self._but(arguments={**kwargs, **self.arguments})

    def expand(self, **map_kwargs: Any) -> XComArg:
        """Make the task, of an instance for each combination of the values of these arguments.

        As in Airflow 2.10, they may be arguments that `partial` was given: these win.
        """
        self._refuse_always(map_kwargs.values(), "expand")
        if not map_kwargs:
            raise TypeError("no arguments to expand against")
        self._check_arguments("expand", map_kwargs)
        return self._expand(ListsOfArguments(map_kwargs), strict=False)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> XComArg:
        """Make the task, of an instance for each of these dicts of arguments.

        Unless `strict`, these may be arguments that `partial` was given, too.
        """
        expand_input = ListOfArguments(kwargs)
        items = () if isinstance(kwargs, XComArg) else kwargs
        nested = (item.values() for item in items if isinstance(item, Mapping))
        self._refuse_always((value for values in nested for value in values), "expand_kwargs")
        return self._expand(expand_input, strict=strict)

    def _expand(self, expand_input: ExpandInput, *, strict: bool) -> XComArg:
        options = self._operator_options()
        dag, group = current.place(options.get("dag"), options.get("task_group"))
        options |= {"dag": dag, "task_group": group}
        options["task_id"] = free_id(options["task_id"], dag, group)
        operator = MappedFunction(
            operator_class=self.operator_class,
            partial_kwargs={
                "python_callable": self.function,
                "op_kwargs": self.arguments,
                **options,
            },
            expand_input=expand_input,
            strict=strict,
        )
        return self._marked(operator)

    def _refuse_always(self, values: Iterable[Any], what: str) -> None:
        is_always = self.options.get("trigger_rule") == TriggerRule.ALWAYS
        if is_always and any(isinstance(value, XComArg) for value in values):
            raise ValueError(
                f"Task-generated mapping within a task using '{what}' is not allowed with trigger"
                " rule 'always'."
            )

    def _check_arguments(self, what: str, kwargs: Mapping[str, Any]) -> None:
        known = frozenset(inspect.signature(self.function).parameters)
        check_arguments(f"{what}()", kwargs, known, expands=what == "expand")

    def override(self, **options: Any) -> TaskFactory[P, R]:
        """Return the same with other operator arguments: `f.override(task_id="other")(…)`."""
        return self._but(options={**self.options, **options})

    def marked(self, **marks: Any) -> TaskFactory[P, R]:
        """Return the same as setup or teardown."""
        return self._but(marks={**self.marks, **marks})

    def _but(self, **attributes: Any) -> TaskFactory[P, R]:
        twin = copy.copy(self)
        twin.__dict__.update(attributes)
        return twin


def returns_dict(function: Callable[..., Any]) -> bool:
    """Whether `function` is annotated to return a dict, so that each key is an XCom."""
    try:
        annotation = typing.get_type_hints(function).get("return")
    except Exception:
        return False
    kind = typing.get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, Mapping)


class _Decorator:
    """One of the decorators: `@task`, `@task(…)`."""

    def __init__(self, operator_class: type[Decorated]) -> None:
        self._operator_class = operator_class

    @overload
    def __call__(self, python_callable: Callable[P, R]) -> TaskFactory[P, R]: ...

    @overload
    def __call__(
        self,
        python_callable: None = None,
        multiple_outputs: bool | None = None,
        **kwargs: Any,
    ) -> Callable[[Callable[P, R]], TaskFactory[P, R]]: ...

    def __call__(
        self,
        python_callable: Callable[..., Any] | None = None,
        multiple_outputs: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        options = {"multiple_outputs": multiple_outputs, **kwargs}
        if python_callable is None:
            return lambda function: TaskFactory(function, self._operator_class, options)
        if not callable(python_callable):
            raise TypeError(f"@task is for functions; got {python_callable!r}.")
        return TaskFactory(python_callable, self._operator_class, options)


class _TaskDecorator(_Decorator):
    """`@task`, with the other decorators as attributes."""

    python = _Decorator(PythonDecorated)
    branch = _Decorator(BranchDecorated)
    short_circuit = _Decorator(ShortCircuitDecorated)
    sensor = _Decorator(SensorDecorated)
    bash = _Decorator(BashDecorated)
    external_python = _Decorator(ExternalPythonDecorated)
    virtualenv = _Decorator(VirtualenvDecorated)
    branch_external_python = _Decorator(BranchExternalPythonDecorated)
    branch_virtualenv = _Decorator(BranchVirtualenvDecorated)

    @staticmethod
    def run_if(
        condition: Condition, skip_message: str | None = None
    ) -> Callable[[TaskFactory[P, R]], TaskFactory[P, R]]:
        """Let a decorated task run only if `condition(context)` is true, else be skipped.

        The condition may return a tuple of the verdict and the message.
        """
        return lambda factory: _conditional(factory, condition, skip_message, runs_when=True)

    @staticmethod
    def skip_if(
        condition: Condition, skip_message: str | None = None
    ) -> Callable[[TaskFactory[P, R]], TaskFactory[P, R]]:
        """Let a decorated task be skipped if `condition(context)` is true."""
        return lambda factory: _conditional(factory, condition, skip_message, runs_when=False)

    if not TYPE_CHECKING:  # else a type checker takes any name for a decorator

        def __getattr__(self, name: str) -> Any:
            reason = REFUSED_DECORATORS.get(name)
            if reason is not None:
                raise AirflowDagException(f"@task.{name} is refused: {reason}.")
            raise AttributeError(f"task decorator {name!r} not found")


_OTHER_PACKAGE = "it is not part of Airflow itself, and its provider is not supported"
#: The decorators of Airflow 2.10 that are not offered, and why.
REFUSED_DECORATORS = {
    "docker": _OTHER_PACKAGE,
    "kubernetes": _OTHER_PACKAGE,
    "pyspark": _OTHER_PACKAGE,
}

task = _TaskDecorator(PythonDecorated)


def _conditional(
    factory: TaskFactory[P, R], condition: Condition, message: str | None, *, runs_when: bool
) -> TaskFactory[P, R]:
    if not isinstance(factory, TaskFactory):
        name = "run_if" if runs_when else "skip_if"
        raise TypeError(f"@task.{name} goes above another @task decorator; got {factory!r}.")
    before = factory.options.get("pre_execute")

    def pre_execute(context: Any) -> None:
        if before is not None:
            before(context)
        verdict = condition(context)
        is_met, reason = verdict if isinstance(verdict, tuple) else (verdict, None)
        if bool(is_met) is not runs_when:
            raise AirflowSkipException(reason or message or "The condition says not to run.")

    return factory.override(pre_execute=pre_execute)


@overload
def setup(function: TaskFactory[P, R]) -> TaskFactory[P, R]: ...


@overload
def setup(function: Callable[P, R]) -> TaskFactory[P, R]: ...


def setup(function: Any) -> Any:
    """Make a function a setup task: `@setup` alone, or above `@task`."""
    return _mark(function, is_setup=True)


@overload
def teardown(
    _func: TaskFactory[P, R], *, on_failure_fail_dagrun: bool = False
) -> TaskFactory[P, R]: ...


@overload
def teardown(
    _func: Callable[P, R], *, on_failure_fail_dagrun: bool = False
) -> TaskFactory[P, R]: ...


@overload
def teardown(
    _func: None = None, *, on_failure_fail_dagrun: bool = False
) -> Callable[[Callable[P, R]], TaskFactory[P, R]]: ...


def teardown(_func: Any = None, *, on_failure_fail_dagrun: bool = False) -> Any:
    """Make a function a teardown task: `@teardown` alone, with arguments, or above `@task`."""
    marks = {"is_teardown": True, "on_failure_fail_dagrun": on_failure_fail_dagrun}
    if _func is None:
        return lambda function: _mark(function, **marks)
    return _mark(_func, **marks)


def _mark(function: Any, **marks: Any) -> TaskFactory[..., Any]:
    made: TaskFactory[..., Any]
    made = function if isinstance(function, TaskFactory) else task(function)
    return made.marked(**marks)
