"""Triggers that wait for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_lite.authoring.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent
from airflow_lite.clock import utc_now

#: The longest sleep, in seconds: the wall clock may be set, or the machine sleep, meanwhile.
_LONGEST_SLEEP_S = 60.0


class DateTimeTrigger(BaseTrigger):
    """Fires once, at `moment`, a datetime with a time zone, and tells it.

    `end_from_trigger`: the task then ends as a success, and no process of it is started.
    """

    def __init__(self, moment: datetime, *, end_from_trigger: bool = False) -> None:
        super().__init__()
        if not isinstance(moment, datetime):
            raise TypeError(f"Expected datetime.datetime type for moment. Got {type(moment)}")
        if moment.tzinfo is None:
            raise ValueError("You cannot pass naive datetimes")
        self.moment = moment.astimezone(UTC)
        self.end_from_trigger = end_from_trigger

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return this class and the moment."""
        return (
            "airflow_lite.authoring.triggers.temporal.DateTimeTrigger",
            {"moment": self.moment, "end_from_trigger": self.end_from_trigger},
        )

    def _left_s(self) -> float:
        return (self.moment - utc_now()).total_seconds()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep until the moment."""
        while (left_s := self._left_s()) > 0:  # noqa: ASYNC110 - it is time that is waited for
            await asyncio.sleep(min(left_s, _LONGEST_SLEEP_S))
        yield TaskSuccessEvent() if self.end_from_trigger else TriggerEvent(self.moment)


class TimeDeltaTrigger(DateTimeTrigger):
    """Fires once, `delta` after it was made, which is when the task defers itself."""

    def __init__(self, delta: timedelta, *, end_from_trigger: bool = False) -> None:
        super().__init__(utc_now() + delta, end_from_trigger=end_from_trigger)
