"""Sensors: tasks that look again and again until a condition is met."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.authoring.operators.python import FunctionCaller
from airflow_lite.clock import utc_now
from airflow_lite.errors import (
    AirflowDagException,
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)


@dataclass
class PokeReturnValue:
    """A result of `poke` besides a bool: whether the condition is met, and the XCom."""

    is_done: bool
    xcom_value: Any = None

    def __bool__(self) -> bool:
        return self.is_done


def _mode(value: object) -> str:
    if value not in ("poke", "reschedule"):
        raise checks.WrongType("'poke' or 'reschedule'")
    return str(value)


class BaseSensorOperator(BaseOperator):
    """A task that calls `poke(context)` every `poke_interval` seconds until it returns true.

    In mode `poke` the task stays running in between; in mode `reschedule` its slot is freed. The
    task fails after `timeout` seconds, counted from its first look; with `soft_fail` it is skipped.
    """

    ui_color = "#e6f1f2"

    poke_interval = Argument(checks.seconds)
    timeout = Argument(checks.seconds, "sensor_timeout_s")
    soft_fail = Argument(checks.flag)
    mode = Argument(_mode)
    exponential_backoff = Argument(checks.flag)
    max_wait = Argument(checks.optional(checks.duration))
    silent_fail = Argument(checks.flag)
    never_fail = Argument(checks.flag)

    def __init__(
        self,
        *,
        poke_interval: timedelta | float = 60,
        timeout: timedelta | float | None = None,
        soft_fail: bool = False,
        mode: str = "poke",
        exponential_backoff: bool = False,
        max_wait: timedelta | float | None = None,
        silent_fail: bool = False,
        never_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(BaseSensorOperator, locals())
        if sum((self.soft_fail, self.silent_fail, self.never_fail)) > 1:
            raise AirflowDagException(
                f"Task {self.dag_id}.{self.task_id}: soft_fail, silent_fail and never_fail exclude"
                " each other. Give one."
            )

    @property
    def reschedule(self) -> bool:
        """Whether the sensor frees its slot between two looks."""
        return bool(self.mode == "reschedule")

    def poke(self, context: Any) -> bool | PokeReturnValue:
        """Look once. To be written by a subclass; True ends the waiting."""
        raise NotImplementedError(f"{type(self).__name__} has no poke(). Define it.")

    def execute(self, context: Any) -> Any:
        """Look until the condition is met, and return the XCom that `poke` brought, if any."""
        started_at, elapsed_s = self._stopwatch(context)
        poke_count = 1
        while not (result := self._look(context)):
            self._check_timeout(elapsed_s())
            pause_s = self.next_interval_s(started_at, elapsed_s(), poke_count)
            if self.reschedule:
                now = utc_now()
                raise AirflowRescheduleException(now + timedelta(seconds=pause_s))
            time.sleep(pause_s)
            poke_count += 1
        self.log.info("Success criteria met. Exiting.")
        return result.xcom_value if isinstance(result, PokeReturnValue) else None

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any
    ) -> Any:
        """Go on after a deferral; with `soft_fail`, what fails by that is skipped."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowException as error:
            if self.soft_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    def _stopwatch(self, context: Any) -> tuple[datetime | float, Callable[[], float]]:
        """Return when waiting began, and a function for the seconds since.

        A rescheduled sensor is a new process at every look: the time before this one is measured
        by the wall clock, as it was when this look was started.
        """
        started = time.monotonic()
        if not self.reschedule:
            return started, lambda: time.monotonic() - started
        ti = context["ti"]
        start: datetime = getattr(ti, "start_date", None) or utc_now()
        began: datetime = getattr(ti, "waiting_since", None) or start
        before_s = (start - began).total_seconds()  # pendulum's spans cannot be divided by ours
        return began, lambda: before_s + time.monotonic() - started

    def _look(self, context: Any) -> bool | PokeReturnValue:
        try:
            return self.poke(context)
        except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException) as error:
            self._skip_if(self.soft_fail, "soft_fail", error)
            self._skip_if(self.never_fail, "never_fail", error)
            raise
        except AirflowSkipException:
            raise
        except Exception as error:
            self._skip_if(self.never_fail, "never_fail", error)
            if not self.silent_fail:
                raise
            self.log.exception("Sensor poke failed:")
            return False

    @staticmethod
    def _skip_if(flag: object, name: str, error: BaseException) -> None:
        if flag:
            raise AirflowSkipException(f"Skipping due to {name} is set to True.") from error

    def _check_timeout(self, elapsed_s: float) -> None:
        if elapsed_s <= self.timeout:
            return
        message = (
            f"Sensor has timed out; run duration of {elapsed_s} seconds exceeds "
            f"the specified timeout of {self.timeout}."
        )
        raise AirflowSkipException(message) if self.soft_fail else AirflowSensorTimeout(message)

    def next_interval_s(
        self, started_at: datetime | float, elapsed_s: float, poke_count: int
    ) -> float:
        """Return the seconds until the next look.

        With `exponential_backoff` they double from look to look, with a jitter that is the same
        whenever it is computed, up to `max_wait` and to what is left of `timeout`.
        """
        if not self.exponential_backoff:
            return float(self.poke_interval)
        if self.reschedule:  # the count is not kept between processes: it follows from the time
            poke_count = self._looks_within(started_at, elapsed_s)
        wait_s = min(self._backoff_s(started_at, poke_count), self.timeout - int(elapsed_s))
        if self.max_wait is not None:
            wait_s = min(wait_s, self.max_wait.total_seconds())
        self.log.info("new %s interval is %s", self.mode, wait_s)
        return max(0.0, float(wait_s))

    def _looks_within(self, started_at: datetime | float, elapsed_s: float) -> int:
        count, total_s = 0, 0.0
        while total_s <= elapsed_s:
            count += 1
            total_s += self._backoff_s(started_at, count)
        return count

    def _backoff_s(self, started_at: datetime | float, poke_count: int) -> float:
        least = max(int(self.poke_interval * 2 ** min(poke_count - 2, 60)), 1)
        seed = f"{self.dag_id}#{self.task_id}#{started_at}#{poke_count}".encode()
        digest = int(hashlib.sha1(seed, usedforsecurity=False).hexdigest(), 16)
        return min(least + digest % least, timedelta.max.total_seconds() - 1)


class PythonSensor(FunctionCaller, BaseSensorOperator):
    """A sensor whose condition is met when `python_callable` returns something true."""

    def poke(self, context: Any) -> bool | PokeReturnValue:
        """Call the function; a PokeReturnValue goes through, all else counts as true or false."""
        arguments = self._call_arguments(context)
        self.log.info("Poking callable: %s", self.python_callable)
        value = self.python_callable(*self.op_args, **arguments)
        return value if isinstance(value, PokeReturnValue) else bool(value)
