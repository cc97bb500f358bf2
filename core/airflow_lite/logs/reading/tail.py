"""The last lines of the log of a try, however long it is."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

from airflow_lite.logs.reading.task_log import task_log
from airflow_lite.worker.task_log.paths import open_for_reading

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.keys import TaskInstanceKey

#: So many bytes are read of a log that is on this machine.
_MOST_BYTES = 1 << 16


def last_lines(config: Config, key: TaskInstanceKey, most: int) -> list[str]:
    """Return up to `most` lines from the end of a log, wherever it is, without line ends."""
    try:
        descriptor = open_for_reading(config.getpath("logging", "base_log_folder"), key)
    except OSError:
        return list(deque(task_log(config, *key[:5]), most))
    with os.fdopen(descriptor, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _MOST_BYTES, 0))
        lines = file.read(_MOST_BYTES).decode("utf-8", "replace").splitlines()
    return lines[-most:]
