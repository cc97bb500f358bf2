"""Timetables: what a DAG's `schedule` may be beside a cron expression or a timedelta."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from airflow_lite.authoring.datasets.model import BaseDataset, condition_of
from airflow_lite.authoring.timetable import (
    DagRunInfo,
    DataInterval,
    TimeRestriction,
    Timetable,
    spec_of,
)
from airflow_lite.clock import from_us, to_us
from airflow_lite.errors import AirflowTimetableInvalid
from airflow_lite.spec import timetable
from airflow_lite.spec.model import DagSpec, ScheduleSpec
from airflow_lite.spec.pace import timezone_name, zone


class _Known(Timetable):
    """A timetable that is data, which the scheduler reads without any code of its own."""

    def _take(self, spec: ScheduleSpec) -> None:
        self.spec, self.description = spec, spec.description

    @property
    def summary(self) -> str:
        """What listings show."""
        return self.spec.summary

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """Return the data interval of a run that is triggered by hand at a moment."""
        interval_us = timetable.manual_interval(self._dag(), to_us(run_after))
        return DataInterval(*map(from_us, interval_us))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the run after the one of a data interval (None: the first); None if none."""
        last = last_automated_data_interval
        bounded = replace(
            self._dag(),
            start_date_us=_us(restriction.earliest),
            end_date_us=_us(restriction.latest),
            catchup=restriction.catchup,
        )
        end_us = None if last is None else to_us(last.end)
        run = timetable.following_run(bounded, end_us, to_us(datetime.now(UTC)))
        if run is None:
            return None
        interval = DataInterval(from_us(run.interval_start_us), from_us(run.interval_end_us))
        return DagRunInfo(from_us(run.run_after_us), interval)

    def _dag(self) -> DagSpec:
        return DagSpec("", schedule=self.spec)


class CronDataIntervalTimetable(_Known):
    """A run for each interval between two moments of a cron expression, due at its end.

    It is what a cron expression as `schedule` means, in a time zone of its own.
    """

    def __init__(self, cron: str, timezone: str | tzinfo) -> None:
        self._take(replace(_cron(cron), timezone=_zone_name(timezone)))

    def serialize(self) -> dict[str, Any]:
        """Return the arguments, as Airflow writes them."""
        return {"expression": self.spec.expression, "timezone": self.spec.timezone}

    @classmethod
    def deserialize(cls, data: Mapping[str, Any]) -> Timetable:
        """Return the timetable of these arguments."""
        return cls(data["expression"], data["timezone"])


class DeltaDataIntervalTimetable(_Known):
    """A run for each interval of a length, due at its end: what a timedelta as `schedule` means."""

    def __init__(self, delta: timedelta) -> None:
        self._take(_checked(timetable.schedule_spec, _delta("delta", delta)))

    def serialize(self) -> dict[str, Any]:
        """Return the arguments, as Airflow writes them."""
        return {"delta": self.spec.delta_s}

    @classmethod
    def deserialize(cls, data: Mapping[str, Any]) -> Timetable:
        """Return the timetable of these arguments."""
        return cls(timedelta(seconds=data["delta"]))


class MultipleCronTriggerTimetable(_Known):
    """A run at each moment of any of several cron expressions.

    Its data interval ends at that moment and begins `interval` before.
    """

    def __init__(
        self, *crons: str, timezone: str | tzinfo, interval: timedelta = timedelta()
    ) -> None:
        if not crons:
            raise AirflowTimetableInvalid("There is no cron expression. Give one at least.")
        parts = [_cron(cron) for cron in crons]
        spec = ScheduleSpec(
            "cron_trigger",
            "\n".join(dict.fromkeys(part.expression for part in parts)),
            delta_s=_delta("interval", interval).total_seconds(),
            summary=", ".join(part.expression for part in parts),
            description="; ".join(part.description for part in parts),
            timezone=_zone_name(timezone),
        )
        self._take(spec)


class CronTriggerTimetable(MultipleCronTriggerTimetable):
    """A run at each moment of a cron expression, due right then.

    Its data interval ends at that moment and begins `interval` before.
    """

    def __init__(
        self, cron: str, *, timezone: str | tzinfo, interval: timedelta = timedelta()
    ) -> None:
        super().__init__(cron, timezone=timezone, interval=interval)

    def serialize(self) -> dict[str, Any]:
        """Return the arguments, as Airflow writes them."""
        names = {"expression": "expression", "timezone": "timezone", "interval": "delta_s"}
        return {name: getattr(self.spec, field) for name, field in names.items()}

    @classmethod
    def deserialize(cls, data: Mapping[str, Any]) -> Timetable:
        """Return the timetable of these arguments."""
        interval = timedelta(seconds=data["interval"])
        return cls(data["expression"], timezone=data["timezone"], interval=interval)


class EventsTimetable(_Known):
    """A run at each of `event_dates`.

    Runs by hand are of the moment at which they are made; with `restrict_to_events` of the event
    before it. Dates without a time zone are in UTC.
    """

    def __init__(
        self,
        event_dates: Iterable[datetime],
        restrict_to_events: bool = False,
        presorted: bool = False,
        description: str | None = None,
    ) -> None:
        moments = sorted({_moment(date) for date in event_dates})
        if not moments:
            raise AirflowTimetableInvalid("event_dates is empty. Give one date at least.")
        first, last = moments[0].date(), moments[-1].date()
        spec = ScheduleSpec(
            "events",
            summary=f"{len(moments)} events",
            description=description or f"{len(moments)} events between {first} and {last}",
            moments_us=tuple(map(to_us, moments)),
            are_all_moments=bool(restrict_to_events),
        )
        self._take(spec)


class DatasetOrTimeSchedule(_Known):
    """The runs of a timetable, and one whenever the datasets of a condition have changed."""

    def __init__(
        self, *, timetable: Timetable, datasets: Collection[BaseDataset] | BaseDataset
    ) -> None:
        if not isinstance(timetable, Timetable):
            raise AirflowTimetableInvalid(f"timetable is {timetable!r:.100}. Make it a timetable.")
        if isinstance(timetable, DatasetOrTimeSchedule):
            raise AirflowTimetableInvalid("cannot nest dataset timetables")
        condition = _checked(condition_of, datasets)
        if condition is None:
            raise AirflowTimetableInvalid("all elements in 'datasets' must be datasets")
        self.timetable, self.dataset_condition = timetable, condition
        spec = replace(
            spec_of(timetable),
            summary=f"Dataset or {timetable.summary}",
            description=f"Triggered by datasets or {timetable.description}",
            datasets=condition.as_expression(),
        )
        self._take(spec)


def datasets_spec(condition: BaseDataset) -> ScheduleSpec:
    """Return a schedule of datasets alone as data."""
    has_datasets = next(condition.iter_datasets(), None) is not None
    return ScheduleSpec(
        "dataset",
        summary="Dataset" if has_datasets else "Unresolved DatasetAlias",
        description="Triggered by datasets",
        datasets=condition.as_expression(),
    )


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else to_us(moment)


def _checked(function: Any, *arguments: object) -> Any:
    try:
        return function(*arguments)
    except ValueError as error:
        raise AirflowTimetableInvalid(str(error)) from None


def _cron(text: object) -> ScheduleSpec:
    spec: ScheduleSpec | None = None
    if isinstance(text, str):
        spec = _checked(timetable.schedule_spec, text)
    if spec is None or spec.kind != "cron":
        raise AirflowTimetableInvalid(
            f"{text!r} is no cron expression. Write one like '0 6 * * *'."
        )
    return spec


def _delta(name: str, value: object) -> timedelta:
    if not isinstance(value, timedelta):
        raise AirflowTimetableInvalid(f"{name} is {value!r}. Make it a timedelta.")
    return value


def _zone_name(value: str | tzinfo) -> str:
    name = timezone_name(value) if isinstance(value, tzinfo) else str(value)
    _checked(zone, name)
    return name


def _moment(value: datetime) -> datetime:
    if not isinstance(value, datetime):
        raise AirflowTimetableInvalid(f"event_dates has {value!r}. Make each a datetime.")
    return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)
