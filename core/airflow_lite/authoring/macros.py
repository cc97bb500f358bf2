"""What templates find under `macros`."""

from __future__ import annotations

import json
import time
import uuid
from datetime import date, datetime, timedelta
from random import random
from typing import Any

from airflow_lite.errors import AirflowException

__all__ = [
    "date",
    "datetime",
    "datetime_diff_for_humans",
    "dateutil",  # noqa: F822 - see __getattr__
    "ds_add",
    "ds_format",
    "ds_format_locale",
    "json",
    "random",
    "time",
    "timedelta",
    "uuid",
    "yaml",  # noqa: F822 - see __getattr__
]


def ds_add(ds: str, days: int) -> str:
    """Return a date such as "2024-01-31" moved by `days`."""
    moment = datetime.strptime(str(ds), "%Y-%m-%d")  # noqa: DTZ007 - a date has no time zone
    return (moment + timedelta(days=days)).strftime("%Y-%m-%d")


def ds_format(ds: str, input_format: str, output_format: str) -> str:
    """Return a date written in one format of strftime as written in another."""
    moment = datetime.strptime(str(ds), input_format)  # noqa: DTZ007 - as it is written
    return moment.strftime(output_format)


def ds_format_locale(
    ds: str, input_format: str, output_format: str, locale: str | None = None
) -> str:
    """Return a date in a format of strftime as written in one of Babel, in words of `locale`.

    Without a locale in that of the machine. Raises `AirflowException` without Babel.
    """
    try:
        from babel.core import default_locale
        from babel.dates import format_datetime
    except ImportError:
        raise AirflowException(
            "macros.ds_format_locale writes by Babel, which is not installed where this task runs."
            " Install babel there."
        ) from None
    moment = datetime.strptime(str(ds), input_format)  # noqa: DTZ007 - as it is written
    text: str = format_datetime(
        moment, format=output_format, locale=locale or default_locale("LC_TIME") or "en_US"
    )
    return text


def datetime_diff_for_humans(dt: datetime, since: datetime | None = None) -> str:
    """Return how far `dt` is from `since`, or from now: "3 days ago", "2 hours after"."""
    other = since if since is not None else datetime.now(dt.tzinfo)
    seconds = int((dt - other).total_seconds())
    count, unit = _rough(abs(seconds))
    amount = f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    if since is None:
        return f"in {amount}" if seconds > 0 else f"{amount} ago"
    return f"{amount} {'after' if seconds > 0 else 'before'}"


def _rough(seconds: int) -> tuple[int, str]:
    units = (("year", 31_536_000), ("month", 2_592_000), ("week", 604_800), ("day", 86_400))
    for unit, size in (*units, ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            return seconds // size, unit
    return seconds, "second"


def __getattr__(name: str) -> Any:
    if name == "yaml":
        import yaml

        return yaml
    if name == "dateutil":
        from importlib import import_module

        for part in ("parser", "relativedelta", "rrule", "tz"):
            import_module(f"dateutil.{part}")
        return import_module("dateutil")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
