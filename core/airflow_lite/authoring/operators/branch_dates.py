"""Branches that go by the time, by the day of the week, or by which run is the latest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

from airflow_lite.authoring.arguments import checks
from airflow_lite.authoring.arguments.argument import Argument
from airflow_lite.authoring.arguments.checks import optional
from airflow_lite.authoring.arguments.weekday import WeekDay, week_days
from airflow_lite.authoring.operator import BaseOperator
from airflow_lite.authoring.operators.branch import BaseBranchOperator
from airflow_lite.clock import from_us, to_us, utc_now
from airflow_lite.errors import AirflowException


def _moment_or_time(value: object) -> datetime | time:
    if not isinstance(value, datetime | time):
        raise checks.WrongType("a datetime or a time")
    return value


class BranchDateTimeOperator(BaseBranchOperator):
    """A branch for moments from `target_lower` to `target_upper`, and one for all others.

    Times of the day are taken on the day of the moment; an upper time that is before the lower
    one is of the day after. With `use_task_logical_date` the moment is the run's logical date.
    """

    target_lower = Argument(optional(_moment_or_time))
    target_upper = Argument(optional(_moment_or_time))
    use_task_logical_date = Argument(checks.flag)

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        target_lower: datetime | time | None,
        target_upper: datetime | time | None,
        use_task_logical_date: bool = False,
        use_task_execution_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if target_lower is None and target_upper is None:
            raise AirflowException(
                f"Task {self.dag_id}.{self.task_id}: target_lower and target_upper are None."
                " Give one of them at least."
            )
        use_task_logical_date = use_task_logical_date or use_task_execution_date  # the older name
        self._keep(BranchDateTimeOperator, locals())
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false

    def choose_branch(self, context: Any) -> str | Iterable[str]:
        """Return the branch of the moment."""
        now = context["logical_date"] if self.use_task_logical_date else utc_now()
        lower, upper = self._targets(now)
        is_within = (lower is None or lower <= now) and (upper is None or upper >= now)
        return self.follow_task_ids_if_true if is_within else self.follow_task_ids_if_false

    def _targets(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        zone = self.dag.timezone
        lower, upper = _on(now, self.target_lower, zone), _on(now, self.target_upper, zone)
        are_moments = isinstance(self.target_lower, datetime) and isinstance(
            self.target_upper, datetime
        )
        if lower and upper and upper < lower and not are_moments:
            upper += timedelta(days=1)
        return lower, upper


def _on(now: datetime, target: datetime | time | None, zone: tzinfo) -> datetime | None:
    """Return a target as a moment: a time of the day is that of the day of `now`."""
    if target is None:
        return None
    given = target if isinstance(target, datetime) else datetime.combine(now, target)
    moment = datetime.fromisoformat(given.isoformat())  # pendulum's lose their zone at replace()
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


class BranchDayOfWeekOperator(BaseBranchOperator):
    """A branch for the days `week_day`, by name or `WeekDay`, and one for all others.

    It is today in the DAG's time zone that counts; with `use_task_logical_date` the day of the
    run's logical date.
    """

    use_task_logical_date = Argument(checks.flag)

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        week_day: str | Iterable[str] | WeekDay | Iterable[WeekDay],
        use_task_logical_date: bool = False,
        use_task_execution_day: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        use_task_logical_date = use_task_logical_date or use_task_execution_day  # the older name
        self._keep(BranchDayOfWeekOperator, locals())
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.week_day = week_day
        self._days = week_days(week_day)

    def choose_branch(self, context: Any) -> str | Iterable[str]:
        """Return the branch of the day."""
        now = utc_now().astimezone(self.dag.timezone)
        day = context["logical_date"] if self.use_task_logical_date else now
        is_one = day.isoweekday() in self._days
        return self.follow_task_ids_if_true if is_one else self.follow_task_ids_if_false


class LatestOnlyOperator(BaseBranchOperator):
    """Skips what comes directly after it, unless its run is the latest of the schedule.

    It is that until the run after it is due. A run that somebody triggered is never skipped.
    """

    ui_color = "#e9ffdb"

    def choose_branch(self, context: Any) -> list[str]:
        """Return all tasks after it, or none."""
        task: BaseOperator = context["task"]
        if context["dag_run"].external_trigger or self._is_latest(context):
            return sorted(task.downstream_task_ids)
        self.log.info("Not latest execution, skipping downstream.")
        return []

    def _is_latest(self, context: Any) -> bool:
        from airflow_lite.spec.model import DagSpec
        from airflow_lite.spec.pace import timezone_name
        from airflow_lite.spec.timetable import following_run

        dag, now = context["dag"], utc_now()
        zone = timezone_name(dag.timezone)
        unbounded = DagSpec(dag.dag_id, schedule=dag.schedule_spec, timezone=zone, catchup=True)
        start_us, end_us = (to_us(context[f"data_interval_{side}"]) for side in ("start", "end"))
        after = following_run(unbounded, end_us, to_us(now), start_us)
        if after is None:
            return True
        return from_us(after.interval_start_us) < now <= from_us(after.interval_end_us)
