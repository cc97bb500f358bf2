"""Classes and functions that authors of operators and decorators build on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any, ClassVar, NamedTuple, TypeVar

from airflow_lite.authoring.context import get_current_context
from airflow_lite.authoring.decorators.task import _Decorator as TaskDecorator
from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.authoring.operators.branch import BranchMixIn
from airflow_lite_airflow_names.offered.logging_mixin import LoggingMixin

F = TypeVar("F", bound=Callable[..., Any])

XCOM_SKIPMIXIN_KEY = "skipmixin_key"
XCOM_SKIPMIXIN_SKIPPED = "skipped"
XCOM_SKIPMIXIN_FOLLOWED = "followed"


class BaseOperatorLink:
    """A link of Airflow's web page: it can be defined, and nothing shows it."""

    operators: ClassVar[list[Any]] = []
    name: str = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address; to be written by a subclass."""
        return ""


class SkipMixin(LoggingMixin):
    """Skips tasks after the one that runs."""

    def skip(
        self,
        dag_run: Any = None,
        execution_date: Any = None,
        tasks: Iterable[Any] = (),
        session: Any = None,
        map_index: int = -1,
    ) -> None:
        """Skip these tasks."""
        names = sorted(task.task_id for task in tasks)
        if names:
            get_current_context()["ti"].skip_decision = {"skipped": names}

    def skip_all_except(self, ti: Any, branch_task_ids: str | Iterable[str] | None) -> None:
        """Skip the tasks directly after that of `ti`, but those that are named."""
        task, names = ti.task, branch_task_ids
        chosen = [names] if isinstance(names, str) else list(names or ())
        self.log.info("Following branch %s", chosen)
        followed = BranchMixIn._with_descendants(task, chosen)  # noqa: SLF001 - the core's rule
        ti.skip_decision = {"followed": sorted(task.downstream_task_ids & followed)}


def apply_defaults(func: F) -> F:
    """Return the function as it is: defaults are applied to every operator."""
    return func


def task_decorator_factory(
    python_callable: Callable[..., Any] | None = None,
    *,
    multiple_outputs: bool | None = None,
    decorated_operator_class: type[BaseOperator],
    **kwargs: Any,
) -> Any:
    """Return a decorator that makes tasks of this operator, or the decorated function."""
    decorator = TaskDecorator(decorated_operator_class)  # type: ignore[arg-type]
    if multiple_outputs is not None:
        kwargs["multiple_outputs"] = multiple_outputs
    return decorator(python_callable, **kwargs)


class _Stats:
    """Takes statistics, and keeps none."""

    def incr(self, stat: str, count: int = 1, rate: float = 1, **kwargs: Any) -> None:
        """Count something."""

    decr = incr

    def gauge(self, stat: str, value: float, rate: float = 1, **kwargs: Any) -> None:
        """Tell a value."""

    def timing(self, stat: str, dt: Any, **kwargs: Any) -> None:
        """Tell a duration."""

    def timer(self, *args: Any, **kwargs: Any) -> Any:
        """Measure the block."""
        return nullcontext()


Stats = _Stats()


class AirflowParsingContext(NamedTuple):
    """The DAG and the task for which a file is parsed."""

    dag_id: str | None
    task_id: str | None


def get_parsing_context() -> AirflowParsingContext:
    """Return no DAG and no task: a file is parsed for all of its tasks."""
    return AirflowParsingContext(None, None)


def poke_mode_only(cls: Any) -> Any:
    """Return the sensor's class as it is."""
    return cls


class AirflowPlugin:
    """A plugin of Airflow's: it can be defined, and nothing of it is used."""

    name: str | None = None


def unchanged(value: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Return what is decorated as it is: nothing reads lineage or listeners."""
    return value if callable(value) else unchanged
