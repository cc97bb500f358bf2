"""Timetables of an author, which run on Airflow 2.10.5 and here: their answers are a golden.

Each is used by `generate/own_timetables.py` there, and by tests here as an installed distribution.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

try:
    from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
    from airflow.timetables.trigger import CronTriggerTimetable
except ImportError:
    from airflow_lite import CronTriggerTimetable, DagRunInfo, DataInterval, Timetable

DAY = timedelta(days=1)


def now() -> datetime:
    """Return the time: what makes the golden, and the tests, set it."""
    return datetime.now(UTC)


class WorkdayTimetable(Timetable):
    """A run for each working day, due at midnight after it; that of a Friday on Saturday."""

    description = "Each working day, at midnight after it"

    def __init__(self, hour: int = 0) -> None:
        self._hour = hour

    @property
    def summary(self) -> str:
        return f"workdays at {self._hour:02}"

    def serialize(self):
        return {"hour": self._hour}

    @classmethod
    def deserialize(cls, data):
        return cls(data["hour"])

    def infer_manual_data_interval(self, *, run_after):
        start = self._start_of(run_after - DAY)
        while start.weekday() > 4:
            start -= DAY
        return DataInterval(start=start, end=start + DAY)

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        if last_automated_data_interval is not None:
            start = last_automated_data_interval.start + DAY
        elif restriction.earliest is None:
            return None
        else:
            start = self._start_of(restriction.earliest)
            if start < restriction.earliest:
                start += DAY
        if not restriction.catchup:
            start = max(start, self._start_of(now() - DAY))
        while start.weekday() > 4:
            start += DAY
        if restriction.latest is not None and start > restriction.latest:
            return None
        return DagRunInfo.interval(start=start, end=start + DAY)

    def _start_of(self, moment):
        return datetime(moment.year, moment.month, moment.day, self._hour, tzinfo=UTC)


class GrowingTimetable(Timetable):
    """Intervals that double: only their start and end together say which comes next."""

    def infer_manual_data_interval(self, *, run_after):
        return DataInterval.exact(run_after)

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        last = last_automated_data_interval
        if last is None:
            start, length = restriction.earliest, timedelta(hours=1)
        else:
            start, length = last.end, 2 * (last.end - last.start)
        return DagRunInfo(
            run_after=start + length, data_interval=DataInterval(start, start + length)
        )


class NeverTimetable(Timetable):
    """Runs by hand alone."""

    can_be_scheduled = False

    def infer_manual_data_interval(self, *, run_after):
        return DataInterval.exact(run_after)

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        return None


class FailingTimetable(Timetable):
    """One that raises whenever it is asked."""

    def infer_manual_data_interval(self, *, run_after):
        raise RuntimeError("no calendar")

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        raise RuntimeError("no calendar")


class LaterTimetable(CronTriggerTimetable):
    """The moments of a cron expression, each run being due an hour later."""

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        info = super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
        return info and DagRunInfo(info.run_after + timedelta(hours=1), info.data_interval)
