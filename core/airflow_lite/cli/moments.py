"""Dates that a user wrote, as microseconds since 1970 UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from airflow_lite.config import Config


def to_us(config: Config, moment: datetime | None) -> int | None:
    """Return a moment in microseconds; one without a zone is in `[core] default_timezone`."""
    if moment is None:
        return None
    from airflow_lite.clock import to_us as aware_to_us

    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=default_zone(config))
    return aware_to_us(moment)


def default_zone(config: Config) -> tzinfo:
    """Return `[core] default_timezone`; raise `ConfigError` if there is no such zone."""
    from zoneinfo import ZoneInfo

    name = config.get("core", "default_timezone")
    try:
        return ZoneInfo("UTC" if name.lower() == "utc" else name)
    except (KeyError, ValueError, OSError):
        raise ConfigError(
            f"[core] default_timezone is {name!r}, which is no time zone. Write for example utc"
            " or Europe/Berlin."
        ) from None


def parsed_us(config: Config, text: str) -> int | None:
    """Return a date in ISO 8601 as microseconds; None if `text` is none."""
    from datetime import datetime

    try:
        return to_us(config, datetime.fromisoformat(text))
    except ValueError:
        return None
