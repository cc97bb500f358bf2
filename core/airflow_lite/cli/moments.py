"""Dates that a user wrote, as microseconds since 1970 UTC."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow_lite import clock
from airflow_lite.dag.defaults import default_timezone

if TYPE_CHECKING:
    from airflow_lite.config import Config


def to_us(config: Config, moment: datetime | None) -> int | None:
    """Return a moment in microseconds; one without a zone is in `[core] default_timezone`."""
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=default_timezone(config))
    return None if moment is None else clock.to_us(moment)


def parsed_us(config: Config, text: str) -> int | None:
    """Return a date in ISO 8601 as microseconds; None if `text` is none."""
    try:
        return to_us(config, datetime.fromisoformat(text))
    except ValueError:
        return None
