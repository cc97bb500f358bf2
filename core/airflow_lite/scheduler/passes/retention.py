"""What is kept for some days only: history, runs, logs. A little of it goes at a time."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from airflow_lite.clock import US_PER_S, seconds_us
from airflow_lite.logs.cleaning import delete_old_logs
from airflow_lite.store import cleaning
from airflow_lite.worker.task_log.paths import run_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.scheduler.state.context import SchedulerContext

#: Seconds from the start to the first look for what is old, not an hour: a scheduler that is
#: started anew more often would never come to it; between two looks; and between two batches.
FIRST_LOOK_S, LOOK_S, BATCH_S = 60.0, 3600.0, 1.0
#: Folders of runs that are looked through for old logs at a time.
FOLDERS = 50
_DAY_S = 86_400
#: What goes when it is old though its runs are kept, and what goes with them; so do their XComs.
_HISTORY = ("task_event", "supervisor")
_OF_RUNS = [table for table in cleaning.TABLES if table not in {*_HISTORY, "xcom"}]


class Retention:
    """What is being deleted: `step` does a batch, and says when the next one is due."""

    def __init__(self, context: SchedulerContext) -> None:
        self._context = context
        self._logs: Iterator[int] | None = None

    def step(self) -> float:
        """Delete a batch of what is too old; return the seconds until the next."""
        more = [self._drop_history(), self._drop_runs(), self._drop_logs()]
        return BATCH_S if any(more) else LOOK_S

    def _before_us(self, section: str, name: str) -> int | None:
        """Return the moment before which things are too old; None if they are kept for ever."""
        days = self._context.config.getfloat(section, name)
        return self._context.clock.now_us() - seconds_us(days * _DAY_S) if days > 0 else None

    def _drop_history(self) -> bool:
        """Delete events, and supervisors: of these there is a row for each start of a task host."""
        days = self._context.config.getfloat("database", "task_event_retention_days")
        before_us = self._context.clock.now_us() - seconds_us(days * _DAY_S)
        store = self._context.store
        return any(cleaning.delete_some(store, table, before_us) for table in _HISTORY)

    def _drop_runs(self) -> bool:
        before_us = self._before_us("database", "run_retention_days")
        if before_us is None:
            return False
        store = self._context.store
        return any(cleaning.delete_some(store, table, before_us) for table in _OF_RUNS)

    def _drop_logs(self) -> bool:
        before_us = self._before_us("logging", "retention_days")
        if before_us is None:
            return False
        if self._logs is None:
            folder = self._context.config.getpath("logging", "base_log_folder")
            with self._context.store.read() as connection:
                runs = cleaning.unfinished_runs(connection)
            kept = {run_folder(folder, dag_id, run_id) for dag_id, run_id in runs}
            self._logs = delete_old_logs(folder, before_us / US_PER_S, kept)
        if len(list(islice(self._logs, FOLDERS))) == FOLDERS:
            return True
        self._logs = None
        return False
