"""airflow.utils.dates: what DAG files of Airflow 1 and 2 begin with."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow_lite_airflow_names.offered import timezone

cron_presets: dict[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
_UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


def days_ago(
    n: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0
) -> dt.datetime:
    """Return midnight UTC of `n` days ago, or another time of that day."""
    today = timezone.utcnow().replace(
        hour=hour, minute=minute, second=second, microsecond=microsecond
    )
    return today - dt.timedelta(days=n)


def parse_execution_date(execution_date_str: str) -> Any:
    """Read a moment."""
    return timezone.parse(execution_date_str)


def infer_time_unit(time_seconds_arr: list[float]) -> str:
    """Return the unit in which the longest of these seconds is read best."""
    longest = max(time_seconds_arr, default=0)
    limits = (("seconds", 120), ("minutes", 7200), ("hours", 172800))
    if not time_seconds_arr:
        return "hours"
    return next((unit for unit, limit in limits if longest <= limit), "days")


def scale_time_units(time_seconds_arr: list[float], unit: str) -> list[float]:
    """Return these seconds in another unit."""
    return [seconds / _UNITS.get(unit, 1) for seconds in time_seconds_arr]


def datetime_to_nano(datetime: dt.datetime) -> int:
    """Return the nanoseconds since 1970."""
    return int(datetime.timestamp() * 1_000_000_000)
