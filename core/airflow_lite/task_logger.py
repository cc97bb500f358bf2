"""The loggers of our own lines in a task's log: what the task's code makes of logging hides none.

`logging.disable`, `dictConfig` and `basicConfig(force=True)` silence a whole process, and are often
called by a library.
"""

from __future__ import annotations

import logging
from typing import TextIO

from airflow_lite.secrets_masker import secrets_masker

NAME = "airflow_lite.task"


class MaskedFormatter(logging.Formatter):
    """Writes records as `logging.Formatter` does, with secrets masked."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the lines of a traceback."""
        return secrets_masker().text(super().format(record))


def log_masked(stream: TextIO, level: int | str, form: str) -> None:
    """Make the root logger write to a stream alone, without secrets."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(MaskedFormatter(form))
    logging.basicConfig(level=level, handlers=[handler], force=True)


class TaskLogger(logging.Logger):
    """A logger that cannot be disabled, and that reaches the task's log whoever else it tells."""

    #: What writes the task's log, set on the logger `NAME`; None outside of a task's process.
    sink: logging.Handler | None = None
    #: The level from which on lines are logged where no logger beneath the root says otherwise.
    least = logging.NOTSET

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802
        """Whether the level is logged, whatever is disabled."""
        return level >= self.getEffectiveLevel()

    def getEffectiveLevel(self) -> int:  # noqa: N802
        """Return the level of this logger, else that of the nearest above it that has one."""
        logger: logging.Logger | None = self
        while logger is not None and logger.parent is not None:
            if logger.level:
                return logger.level
            logger = logger.parent
        return task_logger().least or super().getEffectiveLevel()

    def handle(self, record: logging.LogRecord) -> None:
        """Pass a record on that the filters let through."""
        if self.filter(record):
            self.callHandlers(record)

    def callHandlers(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Tell every handler, and the task's log if it is not among them any more."""
        sink = task_logger().sink
        if sink is not None and not self._reaches(sink):
            sink.handle(record)
        if sink is None or self.hasHandlers():
            super().callHandlers(record)

    def _reaches(self, handler: logging.Handler) -> bool:
        logger: logging.Logger | None = self
        while logger is not None:
            if handler in logger.handlers:
                return True
            logger = logger.parent if logger.propagate else None
        return False


def task_logger(name: str = NAME) -> TaskLogger:
    """Return the logger of that name, `NAME` or one beneath it, as one of these."""
    logger = logging.getLogger(name)
    if not isinstance(logger, TaskLogger):
        logger.__class__ = TaskLogger
        assert isinstance(logger, TaskLogger)  # as it was just made
    return logger
