"""Moments as tasks see them: Airflow's are pendulum's, and so are these wherever they can be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

from airflow_lite.clock import US_PER_S
from airflow_lite.errors import AirflowException

#: What pendulum's moments have beside `datetime`'s: values, and functions.
_VALUES = frozenset(
    (
        *("age", "day_of_week", "day_of_year", "days_in_month", "float_timestamp"),
        *("int_timestamp", "offset", "offset_hours", "quarter", "timezone", "timezone_name"),
        *("tz", "week_of_month", "week_of_year"),
    )
)
_FUNCTIONS = frozenset(
    (
        *("add", "at", "average", "closest", "diff", "diff_for_humans", "end_of", "farthest"),
        *("first_of", "format", "get_offset", "in_timezone", "in_tz", "is_anniversary"),
        *("is_birthday", "is_dst", "is_future", "is_leap_year", "is_local", "is_long_year"),
        *("is_past", "is_same_day", "is_utc", "last_of", "naive", "next", "nth_of", "on"),
        *("previous", "set", "start_of", "subtract", "to_atom_string", "to_cookie_string"),
        *("to_date_string", "to_datetime_string", "to_day_datetime_string"),
        *("to_formatted_date_string", "to_iso8601_string", "to_rfc1036_string"),
        *("to_rfc1123_string", "to_rfc2822_string", "to_rfc3339_string", "to_rfc822_string"),
        *("to_rfc850_string", "to_rss_string", "to_time_string", "to_w3c_string"),
    )
)


class TaskDateTime(datetime):
    """A moment that becomes pendulum's when it is asked for what only those have.

    Importing pendulum costs more than most tasks, and it need not be installed.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in _VALUES | _FUNCTIONS:
            raise AttributeError(f"a moment has no attribute {name!r}")
        try:
            import pendulum
        except ImportError:
            return _without_pendulum(name)
        return getattr(pendulum.instance(self), name)


def _without_pendulum(name: str) -> Callable[..., NoReturn]:
    """Return what fails when it is called: libraries look whether a date has `tz` and the like."""
    message = (
        f"A date's {name!r} is pendulum's, which is not installed where this task runs."
        " Install pendulum there."
    )
    if name in _VALUES:
        raise AttributeError(message)

    def fail(*_args: object, **_named: object) -> NoReturn:
        raise AirflowException(message)

    return fail


def moment(moment_us: int) -> datetime:
    """Return microseconds since 1970-01-01 UTC: pendulum's moment if the task uses pendulum."""
    seconds, microseconds = divmod(moment_us, US_PER_S)
    return of_pendulum(TaskDateTime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds))


def of_pendulum(moment: TaskDateTime) -> datetime:
    """Return the moment as pendulum's if the task uses pendulum; one without a zone stays."""
    pendulum = sys.modules.get("pendulum")
    return moment if pendulum is None or moment.tzinfo is None else pendulum.instance(moment)


def optional_moment(moment_us: int | None) -> datetime | None:
    """Return the same, or None."""
    return None if moment_us is None else moment(moment_us)
