"""At which moments a schedule fires: a cron expression in a time zone, or every so often."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_lite.clock import EPOCH, from_us, to_us
from airflow_lite.spec import cron as cron_text


def timezone_name(zone: tzinfo) -> str:
    """Return the name that `zone` reads back: `Europe/Paris`, `UTC` or `+02:00`."""
    for attribute in ("key", "name", "zone"):  # zoneinfo, pendulum, pytz
        name = getattr(zone, attribute, None)
        if isinstance(name, str) and name:
            return name
    offset = zone.utcoffset(None)
    if not offset:
        return "UTC"
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name or a fixed offset, `UTC+05:30`; raise `ValueError`."""
    match = re.fullmatch(r"(?:UTC)?([+-])(\d\d?):?(\d\d)?", name)
    try:
        if match:
            offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
            return timezone(-offset if match[1] == "-" else offset)
        if name.upper() == "UTC":
            return UTC
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"There is no time zone {name[:80]!r}. Write an IANA name such as 'Europe/Berlin'."
        ) from None


class DeltaPace(NamedTuple):
    """A run every so many microseconds."""

    delta_us: int

    def after(self, moment: int) -> int:
        """Return the next moment after one."""
        return moment + self.delta_us

    def before(self, moment: int) -> int:
        """Return the last moment before one."""
        return moment - self.delta_us

    def align(self, moment: int) -> int:
        """Return the first moment that is not before one."""
        return moment

    def align_back(self, moment: int) -> int:
        """Return the last moment that is not after one."""
        return moment

    def latest_start(self, now: int) -> int:
        """Return the start of the last interval that has ended."""
        return now - now % self.delta_us - self.delta_us


class CronPace(NamedTuple):
    """A run at the moments of a cron expression, in the local time of a zone."""

    cron: cron_text.Cron
    zone: tzinfo

    def after(self, moment: int) -> int:
        """Return the next moment after one."""
        return self._moved(moment, self.cron.after)

    def before(self, moment: int) -> int:
        """Return the last moment before one."""
        return self._moved(moment, self.cron.before)

    def _moved(self, moment: int, step: Callable[[datetime], datetime]) -> int:
        local = self._local(moment)
        fires = step(local)
        if self.cron.covers_every_hour:
            return moment + (fires - local) // timedelta(microseconds=1)
        return self._universal(fires)

    def align(self, moment: int) -> int:
        """Return the first moment that is not before one."""
        following = self.after(moment)
        return moment if self.before(following) == moment else following

    def align_back(self, moment: int) -> int:
        """Return the last moment that is not after one."""
        preceding = self.before(moment)
        return moment if self.after(preceding) == moment else preceding

    def latest_start(self, now: int) -> int:
        """Return the start of the last interval that has ended."""
        start = self.before(now)
        return self.before(start) if self.after(start) > now else start

    def _local(self, moment: int) -> datetime:
        return from_us(moment).astimezone(self.zone).replace(tzinfo=None, fold=0)

    def _universal(self, local: datetime) -> int:
        # The later of the two where the clock is set back, and past the gap where it is set
        # forward: both are what the smaller offset gives.
        offsets = [local.replace(tzinfo=self.zone, fold=fold).utcoffset() for fold in (0, 1)]
        smaller = min(offset for offset in offsets if offset is not None)
        return to_us((local - smaller).replace(tzinfo=EPOCH.tzinfo))
