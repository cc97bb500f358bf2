"""What the configured executor adds to the log of a try, asked for beside the file."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from airflow_lite.plugins import executor_log
from airflow_lite.plugins.executor_log import ToldLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.api.executor.task_instance import TaskInstance
    from airflow_lite.config import Config
    from airflow_lite.logs.reading.try_rows import TryRows


class ExecutorLog:
    """The executor's messages and texts, which a thread waits for: it is asked in a child."""

    def __init__(self, config: Config, rows: TryRows) -> None:
        self._config = config
        self._told = ToldLog([], [])
        self._thread: threading.Thread | None = None
        try:
            instance = rows.instance() if executor_log.tells_logs(config) else None
        except Exception as error:  # a log is read whatever the executor is like
            self._told = executor_log.trouble(config, f"{type(error).__name__}: {error}")
            return
        if instance is not None:
            self._thread = threading.Thread(
                target=self._ask, args=(instance,), name="executor-log", daemon=True
            )
            self._thread.start()

    def _ask(self, instance: TaskInstance) -> None:
        try:
            self._told = executor_log.ask(self._config, instance)
        except Exception as error:
            self._told = executor_log.trouble(self._config, str(error))

    def messages(self, wait_s: float | None = None) -> Iterator[str]:
        """Yield the messages once, a line each, if they come in time; None waits to the end."""
        if self._thread is not None:
            self._thread.join(wait_s)
            if self._thread.is_alive():
                return
        messages, self._told = self._told.messages, self._told._replace(messages=[])
        for message in messages:
            yield from (f"*** {line}" for line in message.splitlines())

    def texts(self) -> list[str]:
        """Return the texts, after all messages."""
        return self._told.texts
