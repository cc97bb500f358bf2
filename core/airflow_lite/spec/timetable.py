"""When a DAG runs: schedules as Airflow 2.10 reads them, over integer microseconds.

A run covers a data interval and is due at its end; its logical date is the interval's start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_lite.clock import iso, seconds_us, to_us
from airflow_lite.spec import cron as cron_text
from airflow_lite.spec import own_timetable, triggers
from airflow_lite.spec.model import DagRunInfo, DagSpec, ScheduleSpec
from airflow_lite.spec.pace import CronPace, DeltaPace, zone
from airflow_lite.text import did_you_mean

_Pace = CronPace | DeltaPace
_S_PER_DAY = 86_400

#: What a `datetime` holds.
_FIRST_US = to_us(datetime.min.replace(tzinfo=UTC))
_LAST_US = to_us(datetime.max.replace(tzinfo=UTC))

_DESCRIPTIONS = {
    "none": "Never, external triggers only",
    "once": "Once, as soon as possible",
    "continuous": "As frequently as possible, but only one run at a time.",
}


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
    return (
        f"schedule {shown}: {kind} is not supported. Write a cron expression, a preset such as"
        " '@daily', a timedelta, datasets, a timetable, or None."
    )


def following_run(
    dag: DagSpec, last_end_us: int | None, now_us: int, last_start_us: int | None = None
) -> DagRunInfo | None:
    """Return the scheduled run after the one whose interval ended at `last_end_us`; None if none.

    The DAG's start and end date bound the logical date; past the year 9999 there is none.
    Where that interval started is told to a timetable of an author, which may raise anything; it
    is taken to have no length where that is not known.
    """
    kind = dag.schedule.kind
    if not dag.schedule.has_time:
        return None
    if kind == "once":
        return _once(dag) if last_end_us is None else None
    if kind == "continuous":
        return _continuous(dag, last_end_us, now_us)
    if kind in triggers.KINDS:
        return triggers.following_run(dag, last_end_us, now_us)
    if kind == own_timetable.KIND:
        return _of_author(dag, last_end_us, last_start_us)
    pace = _pace(dag)
    try:
        start = _next_start(pace, dag, last_end_us, now_us)
        run = None if start is None or _is_late(dag, start) else _run(start, pace.after(start))
    except OverflowError:
        return None
    return None if run is None or run.interval_end_us > _LAST_US else run


def _of_author(dag: DagSpec, end_us: int | None, start_us: int | None) -> DagRunInfo | None:
    last_us = None if end_us is None else (end_us if start_us is None else start_us, end_us)
    return own_timetable.timetable_of(dag.schedule).following_run(dag, last_us)


def runs_between(dag: DagSpec, first_us: int, last_us: int, now_us: int) -> Iterator[DagRunInfo]:
    """Yield the runs whose dates lie between two moments, both included, in order.

    As in Airflow, these bound them alone: neither the DAG's start and end date nor its catchup.
    """
    bounded = replace(dag, start_date_us=first_us, end_date_us=last_us, catchup=True)
    run = following_run(bounded, None, now_us)
    while run is not None:
        yield run
        run = following_run(bounded, run.interval_end_us, now_us, run.interval_start_us)


def count_due(
    dag: DagSpec, last_end_us: int | None, now_us: int, most: int, last_start_us: int | None = None
) -> int:
    """Return how many scheduled runs are due, whatever room there is for them: at most `most`."""
    if dag.schedule.kind == own_timetable.KIND:
        return _count_of_author(
            dag, following_run(dag, last_end_us, now_us, last_start_us), now_us, most
        )
    if dag.schedule.kind in triggers.KINDS:
        return triggers.count_due(dag, last_end_us, now_us, most)
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


def _count_of_author(dag: DagSpec, run: DagRunInfo | None, now_us: int, most: int) -> int:
    count = 0
    while run is not None and run.run_after_us <= now_us and count < most:
        count += 1
        run = following_run(dag, run.interval_end_us, now_us, run.interval_start_us)
    return count


def manual_interval(dag: DagSpec, run_after_us: int) -> tuple[int, int]:
    """Return the data interval of a run that is triggered at a moment: the last complete one."""
    if dag.schedule.kind in triggers.KINDS:
        return triggers.manual_interval(dag, run_after_us)
    if dag.schedule.kind == own_timetable.KIND:
        return own_timetable.timetable_of(dag.schedule).manual_interval(run_after_us)
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
    if dag.schedule.kind in triggers.KINDS:
        return triggers.scheduled_interval(dag, logical_us)
    if dag.schedule.kind == own_timetable.KIND:
        raise ValueError(
            f"the schedule {dag.schedule.summary!r} is a timetable of its author's, which does not"
            " tell the data interval of a date. Use `airflow-lite dags backfill`"
        )
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
    if dag.schedule.kind in triggers.KINDS:
        return None, triggers.logical_date_after(dag, end_us)
    if dag.schedule.kind == own_timetable.KIND:
        unbounded = replace(dag, start_date_us=None, end_date_us=None, catchup=True)
        following = _of_author(unbounded, end_us, logical_us)
        return None, None if following is None else following.logical_us
    if dag.schedule.kind not in {"cron", "delta"}:
        return None, None
    pace = _pace(dag)
    unbounded = replace(dag, start_date_us=None, end_date_us=None, catchup=True)
    return pace.before(logical_us), _next_start(pace, unbounded, end_us, logical_us)


def boundaries(dag: DagSpec, moment_us: int) -> tuple[int | None, int | None]:
    """Return the schedule's dates before and after a moment; None where it has no such dates."""
    if dag.schedule.kind not in {"cron", "delta"}:
        return None, None
    pace = _pace(dag)
    return pace.before(moment_us), pace.after(moment_us)


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


def _next_start(
    pace: CronPace | DeltaPace, dag: DagSpec, last_end: int | None, now: int
) -> int | None:
    bounds = [] if dag.start_date_us is None else [pace.align(dag.start_date_us)]
    if not dag.catchup:
        bounds.append(pace.latest_start(now))
    if last_end is None:
        return max(bounds, default=None)
    # A schedule that was changed since: begin where the new one has a boundary.
    start = max([pace.align_back(last_end), *bounds])
    # Airflow turns in circles here where the clock is changed by half an hour.
    return last_end if pace.after(start) <= last_end else start


def _pace(dag: DagSpec) -> _Pace:
    schedule = dag.schedule
    if schedule.kind == "delta":
        return DeltaPace(seconds_us(schedule.delta_s))
    if schedule.kind == "cron":
        return CronPace(
            cron_text.parse(schedule.expression), zone(schedule.timezone or dag.timezone)
        )
    raise ValueError(f"There is no kind of schedule {schedule.kind!r}.")


def schedule_interval(schedule: dict[str, Any]) -> dict[str, Any] | None:
    """Return a schedule as Airflow's listings and its API show it: of its spec, as plain data."""
    kind = schedule.get("kind", "none")
    if kind == "none":
        return None
    if kind == "delta":
        days, seconds = divmod(schedule["delta_s"], _S_PER_DAY)
        micros = round(seconds % 1 * 1_000_000)
        parts = {"days": int(days), "seconds": int(seconds), "microseconds": micros}
        return {"__type": "TimeDelta", **parts}
    return {"__type": "CronExpression", "value": schedule["summary"]}
