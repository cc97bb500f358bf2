"""The figures of a scheduler under Airflow's names, for whatever `[metrics]` sends them to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_lite.clock import US_PER_S
from airflow_lite.states import DagRunType, TaskInstanceState
from airflow_lite.store import dags, pools, runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from airflow_lite.api.executor.metrics import MetricSink
    from airflow_lite.keys import TaskInstanceKey
    from airflow_lite.metrics.sink import Sinks
    from airflow_lite.scheduler.planner.model import Run
    from airflow_lite.scheduler.state.context import SchedulerContext

_COUNTED_TOO = {
    TaskInstanceState.SUCCESS: "ti_successes",
    TaskInstanceState.FAILED: "ti_failures",
    TaskInstanceState.UP_FOR_RETRY: "ti_failures",
}


class ExecutorGauges:
    """The metric sink of an executor: its gauges go to the figures and to the author's own."""

    def __init__(self, sinks: Sinks, author_sink: MetricSink) -> None:
        self._sinks = sinks
        self._author_sink = author_sink

    def gauge(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        """Take the value that `name` has now."""
        self._sinks.gauge(name, value, tags)
        self._author_sink.gauge(name, value, tags)


class Figures:
    """What a scheduler tells of itself and of what it sees."""

    def __init__(self, sinks: Sinks) -> None:
        self.sinks = sinks
        self._started: set[str] = set()  # the attempts that were seen running

    def pass_took(self, seconds: float) -> None:
        """Tell how long one turn of the loop took."""
        self.sinks.timing("scheduler.scheduler_loop_duration", seconds, {})

    def task_running(self, key: TaskInstanceKey, queued_us: int | None, now_us: int) -> None:
        """Tell that an attempt's code runs, and how long it had been queued."""
        tags = {"dag_id": key.dag_id, "task_id": key.task_id}
        self.sinks.count("ti.start", tags)
        self._started.add(key.attempt)
        if queued_us is not None:
            seconds = max(now_us - queued_us, 0) / US_PER_S
            self.sinks.timing("task.queued_duration", seconds, tags)

    def task_finished(self, key: TaskInstanceKey, state: str, took_us: int | None) -> None:
        """Tell that an attempt ended, what its task instance is now, and how long its try took."""
        tags = {"dag_id": key.dag_id, "task_id": key.task_id}
        if key.attempt not in self._started:  # it was over before it was seen
            self.sinks.count("ti.start", tags)
        self._started.discard(key.attempt)
        self.sinks.count("ti.finish", {**tags, "state": state})
        for known, name in _COUNTED_TOO.items():
            if state == known:
                self.sinks.count(name, tags)
        if took_us is not None:
            self.sinks.timing("task.duration", max(took_us, 0) / US_PER_S, tags)

    def runs_started(self, connection: sa.Connection, started: Sequence[Run]) -> None:
        """Tell how long after the end of their data intervals scheduled runs started."""
        new = {run.id: run for run in started if run.run_type == DagRunType.SCHEDULED}
        ends_us = runs.scheduled_ends(connection, new) if new else {}
        for run_id, end_us in ends_us.items():
            run = new[run_id]
            if run.start_us is not None:
                seconds = (run.start_us - end_us) / US_PER_S
                self.sinks.timing("dagrun.schedule_delay", seconds, {"dag_id": run.dag_id})

    def run_ended(self, run: Run, state: str, now_us: int) -> None:
        """Tell how long a run took."""
        if run.start_us is not None:
            seconds = max(now_us - run.start_us - run.unlived_us, 0) / US_PER_S
            tags = {"dag_id": run.dag_id, "run_type": run.run_type}
            self.sinks.timing(f"dagrun.duration.{state}", seconds, tags)

    def beat(self, context: SchedulerContext) -> None:
        """Tell that the scheduler lives, and what only the store knows; pass all on."""
        self.sinks.count("scheduler_heartbeat", {})
        with context.store.read() as connection:
            rows = pools.pools(connection)
            broken = dags.import_errors(connection)
        for row in rows:
            tags, taken = {"pool_name": row["name"]}, row["running_slots"] + row["queued_slots"]
            self.sinks.gauge("pool.queued_slots", row["queued_slots"], tags)
            self.sinks.gauge("pool.running_slots", row["running_slots"], tags)
            if row["slots"] >= 0:
                self.sinks.gauge("pool.open_slots", row["slots"] - taken, tags)
        self.sinks.gauge("dag_processing.import_errors", len(broken), {})
        self.sinks.gauge("dagbag_size", context.memory.dag_count, {})
        self.sinks.flush()

    def close(self) -> None:
        """Pass on what was taken, and end."""
        self.sinks.close()
