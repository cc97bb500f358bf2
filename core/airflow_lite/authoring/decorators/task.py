"""`@task` and its kin: functions whose call in a DAG makes a task."""

from __future__ import annotations

import copy
import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from airflow_lite.authoring.decorators.operators import (
    BashDecorated,
    BranchDecorated,
    Decorated,
    PythonDecorated,
    SensorDecorated,
    ShortCircuitDecorated,
)
from airflow_lite.authoring.graph.xcom_arg import XComArg, refuse_mapping
from airflow_lite.errors import AirflowDagException, AirflowSkipException

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

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> XComArg: ...

    # Any argument may be the result of another task, which no type of a signature can say.
    @overload
    def __call__(self, *args: Any, **kwargs: Any) -> XComArg: ...

    def __call__(self, *args: Any, **kwargs: Any) -> XComArg:
        """Make the task, with these arguments for the function."""
        options = {"task_id": self.function.__name__, **self.options}
        if options.get("doc_md") is None and self.function.__doc__:
            options["doc_md"] = inspect.getdoc(self.function)
        if options.get("multiple_outputs") is None:
            options["multiple_outputs"] = returns_dict(self.function)
        operator = self.operator_class(
            python_callable=self.function, op_args=args, op_kwargs=kwargs, **options
        )
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

    expand = expand_kwargs = partial = refuse_mapping

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


_OTHER_PYTHON = "tasks run in the interpreter of the worker; call another one with BashOperator"
_OTHER_PACKAGE = "it is not part of Airflow itself, and its provider is not supported"
#: The decorators of Airflow 2.10 that are not offered, and why.
REFUSED_DECORATORS = {
    "virtualenv": _OTHER_PYTHON,
    "external_python": _OTHER_PYTHON,
    "branch_virtualenv": _OTHER_PYTHON,
    "branch_external_python": _OTHER_PYTHON,
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
