"""One attempt's code, from rendering to callbacks, in whichever process this is."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext, suppress
from copy import copy
from typing import TYPE_CHECKING, Any

from airflow_lite.authoring.datasets.outlet_events import changes_made
from airflow_lite.clock import SystemClock, to_us
from airflow_lite.errors import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    TaskDeferred,
    XComTypeError,
)
from airflow_lite.secrets_masker import redact
from airflow_lite.task_logger import task_logger
from airflow_lite.text import described, message_of
from airflow_lite.worker.messages import AttemptRequest, Outcome
from airflow_lite.worker.task.context import build_context, name_map_index
from airflow_lite.worker.task.dag_run import DagRun
from airflow_lite.worker.task.datetimes import moment
from airflow_lite.worker.task.deferral import (
    Resumption,
    counted_s,
    deferred,
    initial_deferral,
    resumed,
)
from airflow_lite.worker.task.signals import TimeLimit
from airflow_lite.worker.task.stray_forks import exit_forked_copies
from airflow_lite.worker.task.task_instance import RuntimeTaskInstance
from airflow_lite.worker.task.xcom import RETURN_KEY, from_json, json_text, map_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

    from airflow_lite.worker.task.store_client import StoreClient

logger = task_logger()

#: What begins so is a file of ours; a traceback says more without those that all tasks go through.
_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "")


@contextmanager
def kept_environment() -> Iterator[None]:
    """Take back what a task sets in the environment of this process."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        for name, text in before.items():
            if os.environ.get(name) != text:
                os.environ[name] = text


def is_poking(task: Any) -> bool:
    """Tell whether a task is a sensor that waits in its process."""
    return getattr(task, "mode", None) == "poke" and hasattr(task, "poke")


def _reschedule(task: Any) -> None:
    """Turn a sensor that pokes to mode `reschedule`; leave other tasks alone."""
    if is_poking(task):
        task.mode = "reschedule"
        logger.warning("The executor changes sensor mode to 'reschedule'.")


class Execution:
    """Runs the code of one attempt; `outcome` is known before the callbacks are called.

    The task is copied first. `passes_interrupts`: a KeyboardInterrupt is the user's Ctrl-C, and
    goes to the caller; else it is a failure like any other.
    """

    def __init__(
        self,
        request: AttemptRequest,
        task: Any,
        store: StoreClient,
        *,
        passes_interrupts: bool = False,
    ) -> None:
        self.task = task.prepare_for_execution()
        #: Whether a sensor that would poke is rescheduled; known once `run` is called.
        self.reschedules_sensors = request.reschedules_sensors
        run = DagRun(request.run, store)
        self.ti = RuntimeTaskInstance(request, self.task, run, store, build_context)
        self.context: dict[str, Any] = {}
        self._kept: set[int] = set()  # the ids of values that are not to be rendered
        self._is_exported = False
        self._map_length: int | None = None  # of the result, for tasks that are mapped over it
        self._changes: list[list[Any]] | None = None  # of datasets
        self._max_xcom_bytes = request.max_xcom_bytes
        self._resume = resumed(request)
        self._passed_s = request.passed_s
        self._store = store
        self._given_state: str | None = None  # what its row was set to while it ran
        self._test_mode = request.test_mode
        self._passes_interrupts = passes_interrupts

    def prepare(self) -> None:
        """Do what needs neither the task's code nor the store, ahead of `run`.

        What goes wrong in it goes wrong in `run` once more, and is told there.
        """
        with suppress(Exception):
            self._export()
            if not hasattr(self.task, "unmap"):
                self.context = build_context(self.ti)

    def run(self, interrupts: AbstractContextManager[None] | None = None) -> Outcome:
        """Render and execute, within `interrupts`, which may raise in it; return how that ended.

        Raises nothing but KeyboardInterrupt, and that only where `passes_interrupts`.
        """
        try:
            with interrupts or nullcontext():
                self._execute()
        except AirflowSkipException as error:
            outcome = Outcome("skipped", message_of(error) or None)
        except AirflowRescheduleException as error:
            outcome = self._rescheduled(error)
        except TaskDeferred as error:
            outcome = self._deferred(error)
        except BaseException as error:
            if self._passes_interrupts and isinstance(error, KeyboardInterrupt):
                raise
            outcome = self._failed(error)
        else:
            outcome = Outcome("success")
        outcome = outcome._replace(cause=redact(outcome.cause))
        self._tell(outcome)
        is_success = outcome.state == "success"
        return outcome._replace(
            skip_decision=self.ti.skip_decision if is_success else None,
            map_length=self._map_length if is_success else None,
            rendered_map_index=self.ti.rendered_map_index,
            changes=self._changes if is_success else None,
        )

    def _execute(self) -> None:
        if self.reschedules_sensors:
            _reschedule(self.task)
        self._unmap()
        self._export()
        if self._resume is None and (deferral := initial_deferral(self.task)) is not None:
            raise deferral
        try:
            self._push_result(self._call_code())
            self._changes = changes_made(
                self.task.outlets, self.ti.outlet_events, self._max_xcom_bytes
            )
        except Exception:
            with suppress(Exception):  # what went wrong before says more
                name_map_index(self.task, self.context, self.ti)
            raise
        name_map_index(self.task, self.context, self.ti)

    def _unmap(self) -> None:
        """Make the context, and of a mapped task the operator of this instance."""
        self.context = self.context or build_context(self.ti)
        if hasattr(self.task, "unmap"):
            self.task, self._kept = self.task.unmap(self.context)
            self.ti.task = self.task
            self.context = build_context(self.ti)

    def _call_code(self) -> object:
        from airflow_lite.authoring.context import set_current_context

        self._render()
        with set_current_context(self.context), exit_forked_copies():
            self._call(self.task.on_execute_callback, "on_execute_callback", Exception)
            self.task.pre_execute(self.context)
            self._check_time()
            code = self.task.execute if self._resume is None else self._resume.bound(self.task)
            result = _without_zero_exit(code, self.context)
            self.task.post_execute(self.context, result)
        return result

    def go_on(self, outcome: Outcome, event: object) -> None:
        """Have the next `run` go on after a deferral, with what its trigger found."""
        kwargs = {**from_json(outcome.next_kwargs or "{}"), "event": event}
        self._resume = Resumption(outcome.next_method or "", kwargs)

    def passed_s(self, limit_s: float | None) -> float:
        """Return the seconds of its time limit that have passed before this attempt."""
        return counted_s(self._passed_s, limit_s)

    def _check_time(self) -> None:
        """Raise `AirflowTaskTimeout` if its time was over before it could go on."""
        limit = self.task.execution_timeout
        if self._passed_s and limit is not None and self._passed_s >= limit.total_seconds():
            self.kill()
            raise TimeLimit(limit.total_seconds(), 0.0).error()

    def _render(self) -> None:
        from airflow_lite.authoring.render import render_fields

        fields = render_fields(self.task, self.context, kept=self._kept)
        if not self._test_mode:
            self._store.rendered(json_text(fields))

    def _export(self) -> None:
        """Set the variables that Airflow sets for what a task starts, once."""
        ti = self.ti
        if self._is_exported:
            return
        os.environ.update(
            AIRFLOW_CTX_DAG_OWNER=str(self.task.owner),
            AIRFLOW_CTX_DAG_ID=ti.dag_id,
            AIRFLOW_CTX_TASK_ID=ti.task_id,
            AIRFLOW_CTX_EXECUTION_DATE=ti.dag_run.logical_date.isoformat(),
            AIRFLOW_CTX_TRY_NUMBER=str(ti.try_number),
            AIRFLOW_CTX_DAG_RUN_ID=ti.run_id,
            AIRFLOW_LITE_ATTEMPT=ti.attempt,
        )
        self._is_exported = True

    def _push_result(self, result: object) -> None:
        if not self.task.do_xcom_push:
            result = None
        self._map_length = map_length(self.ti, result)
        if result is None:
            return
        if self.task.multiple_outputs:
            self._push_each(result)
        self.ti.xcom_push(RETURN_KEY, result)

    def _push_each(self, result: object) -> None:
        from collections.abc import Mapping

        if not isinstance(result, Mapping):
            raise XComTypeError(
                f"The task has multiple_outputs and returned a {type(result).__name__}."
                " Return a dict, or set multiple_outputs=False."
            )
        for key in result:
            if not isinstance(key, str):
                raise XComTypeError(
                    f"The task has multiple_outputs and returned the key {key!r}."
                    " Make every key a string."
                )
        for key, value in result.items():
            self.ti.xcom_push(key, value)

    def _rescheduled(self, error: AirflowRescheduleException) -> Outcome:
        try:
            next_at_us = to_us(error.reschedule_date)
        except Exception as raised:  # it is what the task's code made it
            return self._failed(raised)
        return Outcome("up_for_reschedule", message_of(error), next_at_us=next_at_us)

    def _deferred(self, error: TaskDeferred) -> Outcome:
        try:
            return deferred(error, self.ti, self.task)
        except Exception as raised:  # it is what the task's code made it
            return self._failed(raised)

    def _failed(self, error: BaseException) -> Outcome:
        self.context["exception"] = error
        if isinstance(error, AirflowTaskTerminated):
            self._given_state = self._store.given_state()
        if isinstance(error, AirflowTaskTimeout | AirflowTaskTerminated):
            logger.error("%s", error)
        else:
            logger.error(
                "Task failed with exception", exc_info=(type(error), error, _own_frames(error))
            )
        force = isinstance(error, AirflowFailException | AirflowSensorTimeout)
        return Outcome("failed", described(error), force_fail=force)

    def _tell(self, outcome: Outcome) -> None:
        ti = self.ti
        ti.state, ti.end_date = outcome.state, moment(SystemClock().now_us())
        if outcome.state == "failed" and self.will_retry(outcome):
            ti.state = "up_for_retry"
        cause = f" ({outcome.cause})" if outcome.cause else ""
        verb = "Pausing" if outcome.state == "deferred" else "Marking"
        what = f"{verb} task as {ti.state.upper()}{cause}"
        if self._given_state is not None:
            state = self._given_state.upper()
            what = f"Leaving task as {state}: it was made so while it ran"
        logger.info(
            "%s. dag_id=%s, task_id=%s, run_id=%s,%s try_number=%d",
            what,
            ti.dag_id,
            ti.task_id,
            ti.run_id,
            f" map_index={ti.map_index}," if ti.map_index >= 0 else "",
            ti.try_number,
        )

    def will_retry(self, outcome: Outcome) -> bool:
        """Whether a failed outcome leaves the task another try."""
        return not outcome.force_fail and self.ti.is_eligible_to_retry()

    def finished_tasks(self) -> list[dict[str, Any]]:
        """Return `task_id`, `state`, `operator` and `duration` of tasks of this run that ended.

        The duration is in seconds. So many as can be had cheaply, the one that ended last at last.
        """
        return self._store.finished_tasks()

    def callbacks(self) -> list[tuple[str, Callable[..., Any]]]:
        """Return the callbacks that the outcome calls for, each with the name of its argument.

        As in Airflow 2.10.5, that of success is called after a skip, too: it ended well.
        """
        events = {
            "success": ("success",),
            "failed": ("failure",),
            "up_for_retry": ("retry",),
            "skipped": ("skipped", "success"),
        }.get(self.ti.state or "", ())
        return [
            (f"on_{event}_callback", function)
            for event in events
            for function in self.task.callbacks_on(event)
        ]

    def call_back(self) -> None:
        """Call them, one after the other; what they raise is logged, SystemExit too.

        Raises nothing but KeyboardInterrupt, and that only where `passes_interrupts`.
        """
        for name, function in self.callbacks():
            self._call(function, name, BaseException)

    def _call(self, functions: Any, name: str, harmless: type[BaseException]) -> None:
        for function in _functions(functions):
            try:
                # A notifier renders itself in place: other tasks of this process have it, too.
                (copy(function) if hasattr(function, "template_fields") else function)(self.context)
            except harmless as error:
                if self._passes_interrupts and isinstance(error, KeyboardInterrupt):
                    raise
                logger.exception("%s %r raised", name, getattr(function, "__name__", function))

    def kill(self) -> None:
        """Call the task's `on_kill`; what that raises is logged."""
        try:
            self.task.on_kill()
        except BaseException:
            logger.exception("on_kill of %r raised", self.ti.task_id)


def _functions(value: Any) -> list[Callable[..., Any]]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _own_frames(error: BaseException) -> TracebackType | None:
    """Return a traceback from the author's code on; all of it ours: only where it was raised."""
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        if not frames.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            break
        frames = frames.tb_next
    return frames


def _without_zero_exit(execute: Callable[..., object], context: Mapping[str, Any]) -> object:
    """Call `execute`; `sys.exit()` without an error is an end like any other, as in Airflow."""
    try:
        return execute(context)
    except SystemExit as error:
        if error.code:
            raise
        return None
