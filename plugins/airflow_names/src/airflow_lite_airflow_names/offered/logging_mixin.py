"""airflow.utils.log.logging_mixin: a log for whoever inherits it."""

from __future__ import annotations

import logging
import re
from typing import Any

from airflow_lite.task_logger import task_logger

ANSI_ESCAPE = re.compile(r"\x1B[@-_][0-?]*[ -/]*[@-~]")


def remove_escape_codes(text: str) -> str:
    """Return a text without what colours it on a terminal."""
    return ANSI_ESCAPE.sub("", text)


class LoggingMixin:
    """Gives `log`, which goes to the log of the task that runs."""

    _log_config_logger_name: str | None = None
    _logger_name: str | None = None

    def __init__(self, context: Any = None) -> None:
        pass

    @property
    def log(self) -> logging.Logger:
        """The logger of this class."""
        return self.logger()

    @classmethod
    def logger(cls) -> logging.Logger:
        """Return the logger of this class, below that of tasks."""
        name = cls._logger_name
        if name is None:
            name = f"{cls.__module__}.{cls.__qualname__}"
        return task_logger().getChild(name) if name else task_logger()
