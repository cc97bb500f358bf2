"""What an engine keeps of a try's log for a while, put where logs are for good."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_lite.worker.task_log.paths import open_for_reading, open_for_writing

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite.keys import TaskInstanceKey

#: Beyond its own length, so much of the log's end is searched for what is to be kept.
_MORE = 1 << 16


def keep_log(config: Config, key: TaskInstanceKey, data: bytes) -> bool:
    """Append to the log of a try here what it has printed elsewhere, such as in a pod.

    Nothing if the log has it, as where its folder is shared by all machines. Returns whether
    something was written; raises OSError, and `InvalidIdError` for ids that none has.
    """
    if not data.strip() or has_log(config, key, data):
        return False
    most = config.getint("logging", "max_task_log_size_mb") << 20
    descriptor = open_for_writing(config.getpath("logging", "base_log_folder"), key)
    with open(descriptor, "ab") as file:
        file.write(data[-most:])
    return True


def has_log(config: Config, key: TaskInstanceKey, data: bytes) -> bool:
    """Return whether the log of a try here has this text near its end."""
    with suppress(OSError):
        descriptor = open_for_reading(config.getpath("logging", "base_log_folder"), key)
        with open(descriptor, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - len(data) - _MORE, 0))
            return data.strip() in file.read()
    return False
