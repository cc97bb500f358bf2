"""The runs of a DAG that are to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_lite.dag.spec import DagSpec
    from airflow_lite.dag.timetable import RunInfo


def upcoming(
    spec: DagSpec, row: dict[str, Any], last: tuple[int, int] | None, count: int, now_us: int
) -> list[RunInfo]:
    """Return up to `count` runs: the next of the DAG's row if a scheduler planned it, and on.

    `last` is the data interval of the latest scheduled run.
    """
    runs: list[RunInfo] = []
    following = _planned(row) or _after(spec, last, now_us)
    while following is not None and len(runs) < count:
        if runs and following.logical_us <= runs[-1].logical_us:
            break
        runs.append(following)
        following = _after(spec, (following.interval_start_us, following.interval_end_us), now_us)
    return runs


def _planned(row: dict[str, Any]) -> RunInfo | None:
    from airflow_lite.dag.timetable import RunInfo

    names = ("logical_us", "interval_start_us", "interval_end_us")
    moments = [row[f"next_{name}"] for name in names] + [row["next_create_after_us"]]
    return None if None in moments else RunInfo(*moments)


def _after(spec: DagSpec, last: tuple[int, int] | None, now_us: int) -> RunInfo | None:
    from airflow_lite.dag.timetable import next_run_info

    return next_run_info(
        spec.schedule,
        spec.timezone,
        last=last,
        earliest_us=spec.start_date_us,
        latest_us=spec.end_date_us,
        catchup=spec.catchup,
        now_us=now_us,
    )
