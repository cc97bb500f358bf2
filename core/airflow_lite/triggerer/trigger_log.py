"""What a trigger logs goes into the log of the try that waits for it, on this machine."""

from __future__ import annotations

import logging
import os
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.errors import UserError
from airflow_lite.keys import TaskInstanceKey
from airflow_lite.worker.task_log.file import FileHandler, LogFile
from airflow_lite.worker.task_log.paths import open_for_writing

if TYPE_CHECKING:
    from airflow_lite.triggerer.messages import RunnerOptions, StartTrigger

#: The trigger whose code runs.
CURRENT: ContextVar[StartTrigger | None] = ContextVar("trigger", default=None)


class TryLogs(logging.Handler):
    """Appends each line to the log of the try whose trigger logs it.

    The file is opened for each: a thousand triggers would hold a thousand open, and log little.
    """

    def __init__(self, options: RunnerOptions) -> None:
        super().__init__()
        self._folder = Path(options.log_folder)
        self._most_bytes = options.max_log_bytes

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; what cannot be written is seen in the triggerer's own output alone."""
        if (order := CURRENT.get()) is None:
            return
        dag_id, task_id, run_id, try_number, map_index = order.of_task
        key = TaskInstanceKey(dag_id, task_id, run_id, try_number, map_index, order.token)
        try:
            fd = open_for_writing(self._folder, key)
        except (OSError, UserError):
            return
        try:
            FileHandler(LogFile(fd, self._most_bytes)).emit(record)
        finally:
            os.close(fd)
