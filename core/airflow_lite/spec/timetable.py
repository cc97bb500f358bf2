"""When a DAG runs: schedules as Airflow 2.10 reads them, over integer microseconds.

A run covers a data interval and is due at its end; its logical date is the interval's start.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_lite.clock import EPOCH, from_us, iso, seconds_us, to_us
from airflow_lite.spec import cron as cron_text
from airflow_lite.spec.model import DagSpec, ScheduleSpec
from airflow_lite.text import did_you_mean

#: What a `datetime` holds.
_FIRST_US = to_us(datetime.min.replace(tzinfo=UTC))
_LAST_US = to_us(datetime.max.replace(tzinfo=UTC))

_DESCRIPTIONS = {
    "none": "Never, external triggers only",
    "once": "Once, as soon as possible",
    "continuous": "As frequently as possible, but only one run at a time.",
}


class DagRunInfo(NamedTuple):
    """A run to come: its logical date, its data interval and when it is due."""

    logical_us: int
    interval_start_us: int
    interval_end_us: int
    run_after_us: int


def schedule_spec(value: object) -> ScheduleSpec:
    """Return an author's `schedule` argument as data.

    Takes None, a preset such as "@daily", a cron expression and a timedelta; raises a `ValueError`
    that says what to write instead.
    """
    if value is None:
        return ScheduleSpec("none", summary="None", description=_DESCRIPTIONS["none"])
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, timedelta):
        return _from_delta(value)
    raise ValueError(_unsupported(value))


def _from_text(text: str) -> ScheduleSpec:
    if text in {"@once", "@continuous"}:
        kind = text[1:]
        return ScheduleSpec(kind, summary=text, description=_DESCRIPTIONS[kind])
    expression = cron_text.PRESETS.get(text.lower(), " ".join(text.split()))
    if expression.startswith("@"):
        raise ValueError(_unknown_preset(text))
    description = cron_text.parse(expression).describe()
    return ScheduleSpec("cron", expression, summary=text.strip(), description=description)


def _from_delta(delta: timedelta) -> ScheduleSpec:
    if delta <= timedelta(0):
        raise ValueError(f"schedule {delta!r} is not positive. Write a longer timedelta.")
    plain = timedelta.__add__(delta, timedelta())  # pendulum's spans are written in other ways
    return ScheduleSpec("delta", delta_s=plain.total_seconds(), summary=str(plain))


def _unknown_preset(text: str) -> str:
    presets = ["@once", "@continuous", *cron_text.PRESETS]
    hint = did_you_mean(text.lower(), presets) or f" Write one of {', '.join(presets)}."
    return f"schedule {text[:80]!r} is not a preset.{hint}"


def _unsupported(value: object) -> str:
    kind = type(value).__name__
    shown = repr(value) if len(repr(value)) <= 80 else f"a {kind}"
    is_datasets = isinstance(value, (list, tuple, set, dict))
    reason = "datasets are not supported" if is_datasets else f"{kind} is not supported"
    return (
        f"schedule {shown}: {reason}."
        " Write a cron expression, a preset such as '@daily', a timedelta or None."
    )


def following_run(dag: DagSpec, last_end_us: int | None, now_us: int) -> DagRunInfo | None:
    """Return the scheduled run after the one whose interval ended at `last_end_us`; None if none.

    The DAG's start and end date bound the logical date; past the year 9999 there is none.
    """
    kind = dag.schedule.kind
    if kind == "none":
        return None
    if kind == "once":
        return _once(dag) if last_end_us is None else None
    if kind == "continuous":
        return _continuous(dag, last_end_us, now_us)
    pace = _pace(dag)
    try:
        start = _next_start(pace, dag, last_end_us, now_us)
        run = None if start is None or _is_late(dag, start) else _run(start, pace.after(start))
    except OverflowError:
        return None
    return None if run is None or run.interval_end_us > _LAST_US else run


def count_due(dag: DagSpec, last_end_us: int | None, now_us: int, most: int) -> int:
    """Return how many scheduled runs are due, whatever room there is for them: at most `most`."""
    if dag.schedule.kind not in {"cron", "delta"}:
        return 0
    pace, count = _pace(dag), 0
    start = _next_start(pace, dag, last_end_us, now_us)
    while start is not None and count < most and not _is_late(dag, start):
        start = pace.after(start)  # the end of the interval, when its run is due
        if start > now_us:
            break
        count += 1
    return count


def manual_interval(dag: DagSpec, run_after_us: int) -> tuple[int, int]:
    """Return the data interval of a run that is triggered at a moment: the last complete one."""
    if dag.schedule.kind not in {"cron", "delta"}:
        return run_after_us, run_after_us
    pace = _pace(dag)
    try:
        end = pace.align_back(run_after_us)
        start = pace.before(end)
    except OverflowError:
        return run_after_us, run_after_us
    return (start, end) if start >= _FIRST_US else (run_after_us, run_after_us)


def scheduled_interval(dag: DagSpec, logical_us: int) -> tuple[int, int]:
    """Return the data interval that the scheduled run of a date has; raise `ValueError` if none.

    As Airflow does, `manual_interval` gives a run that is triggered for that very date the interval
    before.
    """
    if dag.schedule.kind not in {"cron", "delta"}:
        return logical_us, logical_us
    pace = _pace(dag)
    try:
        before, end = pace.align_back(logical_us), pace.after(logical_us)
    except OverflowError:
        raise ValueError(f"{iso(logical_us)} is out of the schedule's range") from None
    if before != logical_us:
        raise ValueError(
            f"{iso(logical_us)} is no date of the schedule {dag.schedule.summary!r}."
            f" The one before is {iso(before)}, the next one {iso(end)}"
        )
    return logical_us, end


def neighbours(dag: DagSpec, logical_us: int, end_us: int) -> tuple[int | None, int | None]:
    """Return the logical dates before and after a run whose data interval ends at `end_us`.

    The schedule's, whatever the DAG's start and end date; None where it has none.
    """
    if dag.schedule.kind not in {"cron", "delta"}:
        return None, None
    pace = _pace(dag)
    unbounded = replace(dag, start_date_us=None, end_date_us=None, catchup=True)
    return pace.before(logical_us), _next_start(pace, unbounded, end_us, logical_us)


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


def _run(start: int, end: int) -> DagRunInfo:
    return DagRunInfo(start, start, end, end)


def _is_late(dag: DagSpec, moment: int) -> bool:
    return dag.end_date_us is not None and moment > dag.end_date_us


def _once(dag: DagSpec) -> DagRunInfo | None:
    start = dag.start_date_us
    return None if start is None or _is_late(dag, start) else _run(start, start)


def _continuous(dag: DagSpec, last_end: int | None, now: int) -> DagRunInfo | None:
    earliest = dag.start_date_us
    if earliest is None:
        return None
    start, end = (earliest, max(earliest, now)) if last_end is None else (last_end, now)
    return None if _is_late(dag, end) else _run(start, end)


def _next_start(pace: _Cron | _Delta, dag: DagSpec, last_end: int | None, now: int) -> int | None:
    bounds = [] if dag.start_date_us is None else [pace.align(dag.start_date_us)]
    if not dag.catchup:
        bounds.append(pace.latest_start(now))
    if last_end is None:
        return max(bounds, default=None)
    # A schedule that was changed since: begin where the new one has a boundary.
    start = max([pace.align_back(last_end), *bounds])
    # Airflow turns in circles here where the clock is changed by half an hour.
    return last_end if pace.after(start) <= last_end else start


def _pace(dag: DagSpec) -> _Cron | _Delta:
    schedule = dag.schedule
    if schedule.kind == "delta":
        return _Delta(seconds_us(schedule.delta_s))
    if schedule.kind == "cron":
        return _Cron(cron_text.parse(schedule.expression), zone(dag.timezone))
    raise ValueError(f"There is no kind of schedule {schedule.kind!r}.")


class _Delta(NamedTuple):
    """A run every so many microseconds."""

    delta_us: int

    def after(self, moment: int) -> int:
        return moment + self.delta_us

    def before(self, moment: int) -> int:
        return moment - self.delta_us

    def align(self, moment: int) -> int:
        return moment

    def align_back(self, moment: int) -> int:
        return moment

    def latest_start(self, now: int) -> int:
        return now - now % self.delta_us - self.delta_us


class _Cron(NamedTuple):
    """A run at the moments of a cron expression, in the local time of a zone."""

    cron: cron_text.Cron
    zone: tzinfo

    def after(self, moment: int) -> int:
        return self._moved(moment, self.cron.after)

    def before(self, moment: int) -> int:
        return self._moved(moment, self.cron.before)

    def _moved(self, moment: int, step: Callable[[datetime], datetime]) -> int:
        local = self._local(moment)
        fires = step(local)
        if self.cron.covers_every_hour:
            return moment + (fires - local) // timedelta(microseconds=1)
        return self._universal(fires)

    def align(self, moment: int) -> int:
        following = self.after(moment)
        return moment if self.before(following) == moment else following

    def align_back(self, moment: int) -> int:
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
