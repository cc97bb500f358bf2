"""Sensors that wait for a moment, a time of the day, or a day of the week.

Those that are called asynchronous defer themselves: they hold no process and no slot until the
moment has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import templated
from airflow_lite.authoring.arguments.weekday import WeekDay, week_days
from airflow_lite.authoring.operators.sensor import BaseSensorOperator
from airflow_lite.authoring.triggers.temporal import DateTimeTrigger
from airflow_lite.clock import from_us, to_us, utc_now


class _WaitsForMoment(BaseSensorOperator):
    """A sensor that knows the moment at which its condition is met."""

    def moment(self, context: Any) -> datetime:
        """Return the moment after which the condition is met. To be written by a subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no moment(). Define it.")

    def poke(self, context: Any) -> bool:
        """Whether the moment has passed."""
        moment = self.moment(context)
        self.log.info("Checking if the time (%s) has come", moment)
        return utc_now() > moment


class _Deferred(_WaitsForMoment):
    """One that defers itself until its moment; `end_from_trigger`: it ends there and then."""

    end_from_trigger = Argument(checks.flag)

    def execute(self, context: Any) -> Any:
        """Raise `TaskDeferred`."""
        trigger = DateTimeTrigger(self.moment(context), end_from_trigger=self.end_from_trigger)
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """Do nothing: the moment has come."""


def _moment_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, str):
        raise checks.WrongType("a datetime, or text that becomes one as ISO 8601")
    return value


class DateTimeSensor(_WaitsForMoment):
    """A sensor that waits until `target_time`, a datetime or a template of one, has passed."""

    template_fields: Sequence[str] = ("target_time",)

    target_time = Argument(templated(_moment_text))

    def __init__(self, *, target_time: str | datetime, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._keep(DateTimeSensor, locals())

    def moment(self, context: Any) -> datetime:
        """Return `target_time`; without a time zone it is in UTC, as in Airflow."""
        found = datetime.fromisoformat(self.target_time)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


class DateTimeSensorAsync(_Deferred, DateTimeSensor):
    """A `DateTimeSensor` that holds no slot while it waits."""

    def __init__(
        self,
        *,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._keep(_Deferred, locals())


def _time_of_day(value: object) -> time:
    if not isinstance(value, time):
        raise checks.WrongType("a datetime.time")
    return value


class TimeSensor(_WaitsForMoment):
    """A sensor that waits until a time of the day, in the DAG's time zone, has passed today."""

    target_time = Argument(_time_of_day)

    def __init__(self, *, target_time: time, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._keep(TimeSensor, locals())

    def moment(self, context: Any) -> datetime:
        """Return that time of today."""
        today = utc_now().astimezone(self.dag.timezone).date()
        zone = self.target_time.tzinfo or self.dag.timezone
        return datetime.combine(today, self.target_time, zone)


class TimeSensorAsync(_Deferred, TimeSensor):
    """A `TimeSensor` that holds no slot while it waits."""

    def __init__(
        self,
        *,
        target_time: time,
        start_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(target_time=target_time, **kwargs)
        self._keep(_Deferred, locals())


class TimeDeltaSensor(_WaitsForMoment):
    """A sensor that waits until `delta` after the end of the run's data interval has passed."""

    delta = Argument(checks.span)

    def __init__(self, *, delta: timedelta, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._keep(TimeDeltaSensor, locals())

    def moment(self, context: Any) -> datetime:
        """Return the end of the data interval, and `delta` more."""
        # Not that date itself: what pendulum's are added to may come out without a time zone.
        return from_us(to_us(context["data_interval_end"])) + self.delta


class TimeDeltaSensorAsync(_Deferred, TimeDeltaSensor):
    """A `TimeDeltaSensor` that holds no slot while it waits."""

    def __init__(self, *, end_from_trigger: bool = False, delta: timedelta, **kwargs: Any) -> None:
        super().__init__(delta=delta, **kwargs)
        self._keep(_Deferred, locals())

    def execute(self, context: Any) -> bool:
        """Return True if the moment has passed, else raise `TaskDeferred`."""
        return utc_now() > self.moment(context) or bool(super().execute(context))


class DayOfWeekSensor(BaseSensorOperator):
    """A sensor that waits for one of the days `week_day`, by name or `WeekDay`, in UTC.

    With `use_task_logical_date` it is the day of the run's logical date that counts.
    """

    week_day: Any
    use_task_logical_date = Argument(checks.flag)

    def __init__(
        self,
        *,
        week_day: str | Iterable[str] | WeekDay | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        use_task_execution_day: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        use_task_logical_date = use_task_logical_date or use_task_execution_day  # the older name
        self._keep(DayOfWeekSensor, locals())
        self.week_day = week_day
        self._days = week_days(week_day)

    def poke(self, context: Any) -> bool:
        """Whether it is one of the days."""
        today = context["logical_date"] if self.use_task_logical_date else utc_now()
        self.log.info("Poking until weekday is in %s, today is %s", self._days, today.date())
        return today.isoweekday() in self._days
