"""A task that waits without a process: what is kept of it, and how it goes on.

Its row has the trigger as JSON text, `{"class": path, "kwargs": …}`, and beside it the method that
is called with the trigger's event. Values are written as those of XComs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_lite.clock import SystemClock, seconds_us, to_us
from airflow_lite.errors import AirflowException, TaskDeferred
from airflow_lite.imports import import_string
from airflow_lite.worker.messages import Outcome
from airflow_lite.worker.task.xcom import from_json, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.worker.messages import AttemptRequest
    from airflow_lite.worker.task.task_instance import RuntimeTaskInstance

#: A task that goes on has so many seconds before it is killed, though its time is over.
LEAST_LEFT_S = 10.0
#: Characters of a method's name; so many the column holds.
_LONGEST_NAME = 250


class Resumption(NamedTuple):
    """The method that a deferred task goes on with, and its arguments."""

    method: str
    kwargs: dict[str, Any]

    def bound(self, task: Any) -> Callable[[Any], Any]:
        """Return what is called with the context in place of the task's `execute`."""
        return partial(_resume, task, self)


def _resume(task: Any, resumption: Resumption, context: Any) -> Any:
    return task.resume_execution(resumption.method, resumption.kwargs, context)


def initial_deferral(task: Any) -> TaskDeferred | None:
    """Return what a task begins with that starts from a trigger; None if it starts by itself."""
    arguments = task.start_trigger_args
    if not task.start_from_trigger or arguments is None:
        return None
    return TaskDeferred(
        trigger=import_string(arguments.trigger_cls)(**(arguments.trigger_kwargs or {})),
        method_name=arguments.next_method,
        kwargs=arguments.next_kwargs,
        timeout=arguments.timeout,
    )


def counted_s(passed_s: float, limit_s: float | None) -> float:
    """Return what of the seconds that have passed an alarm goes by: some are left to begin in.

    That the time is over is found out before the method is called.
    """
    return passed_s if limit_s is None else min(passed_s, max(limit_s - LEAST_LEFT_S, 0.0))


def resumed(request: AttemptRequest) -> Resumption | None:
    """Return what the task goes on with; None if it begins."""
    if request.next_method is None:
        return None
    return Resumption(request.next_method, from_json(request.next_kwargs or "{}"))


def deferred(error: TaskDeferred, ti: RuntimeTaskInstance, task: Any) -> Outcome:
    """Return the outcome of a task that defers itself; raise where it cannot be kept."""
    method, most_bytes = error.method_name, ti.max_xcom_bytes
    if not isinstance(method, str) or not 0 < len(method) <= _LONGEST_NAME:
        raise AirflowException(f"A task cannot be deferred with method_name={method!r:.300}.")
    path, arguments = error.trigger.serialize()
    trigger = written("The trigger", {"class": path, "kwargs": arguments}, most_bytes)
    kwargs = written("The kwargs of defer()", dict(error.kwargs or {}), most_bytes)
    return Outcome(
        "deferred",
        f"waits for {path}",
        next_at_us=_latest_us(error, ti, task),
        trigger_spec=trigger,
        next_method=method,
        next_kwargs=kwargs,
    )


def _latest_us(error: TaskDeferred, ti: RuntimeTaskInstance, task: Any) -> int | None:
    """Return when the waiting ends: by its own timeout, or the task's execution_timeout."""
    moments = []
    if error.timeout is not None:
        moments.append(SystemClock().now_us() + seconds_us(error.timeout.total_seconds()))
    if task.execution_timeout is not None and ti.start_date is not None:
        moments.append(to_us(ti.start_date) + seconds_us(task.execution_timeout.total_seconds()))
    return min(moments, default=None)
