"""airflow.utils.weekday."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from airflow_lite.authoring.arguments.weekday import WeekDay as OwnWeekDay
from airflow_lite.authoring.arguments.weekday import week_days


class _WeekDay(type):
    """Has the days, which are airflow-lite's own, and Airflow's functions for them."""

    def __getattr__(cls, name: str) -> Any:
        return getattr(OwnWeekDay, name)

    def __iter__(cls) -> Any:
        return iter(OwnWeekDay)

    def __getitem__(cls, name: str) -> OwnWeekDay:
        return OwnWeekDay[name]

    def __call__(cls, value: Any) -> OwnWeekDay:
        return OwnWeekDay(value)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, OwnWeekDay)


class WeekDay(metaclass=_WeekDay):
    """The days of the week: `airflow_lite.WeekDay`, with three functions more."""

    @staticmethod
    def get_weekday_number(week_day_str: str) -> IntEnum:
        """Return the day of this name."""
        return next(iter(week_days(week_day_str)))

    @staticmethod
    def convert(day: str | OwnWeekDay) -> int:
        """Return the number of a day."""
        return next(iter(week_days(day))).value

    @staticmethod
    def validate_week_day(week_day: str | OwnWeekDay | Iterable[Any]) -> set[int]:
        """Return the numbers of one day or several."""
        return {day.value for day in week_days(week_day)}
