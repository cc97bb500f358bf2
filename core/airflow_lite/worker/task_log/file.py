"""What a task writes, line by line into the log file of its try; a full disk fails no task."""

from __future__ import annotations

import errno
import logging
import os
import time
from contextlib import suppress
from copy import copy
from typing import TextIO

from airflow_lite.secrets_masker import redact, secrets_masker
from airflow_lite.task_logger import task_logger


def notice_of_cap(limit_bytes: int) -> bytes:
    """Return the line that ends a log which reached its size limit."""
    return (
        f"\n*** The log has reached [logging] max_task_log_size_mb ({limit_bytes >> 20} MB);"
        " the rest is dropped. The task goes on.\n"
    ).encode()


class LogFile:
    """A log file with a size limit, shared by all that append to it. Writing never raises.

    `spare_fd` takes the place of a descriptor that somebody has closed.
    """

    def __init__(self, fd: int, limit_bytes: int, spare_fd: int | None = None) -> None:
        self.fd = fd
        self._spare_fd = spare_fd
        self._limit = limit_bytes
        self.is_full = False
        self.error: str | None = None  # why something of it could not be written

    def open(self, fd: int, limit_bytes: int) -> None:
        """Write to `fd` from now on."""
        self.fd, self._limit, self.is_full, self.error = fd, limit_bytes, False, None

    def write(self, data: bytes) -> None:
        """Append `data`, cut where the limit is; nothing once that is reached."""
        if self.is_full:
            return
        kept = data[: max(self._limit - self._size(), 0)]
        if len(kept) < len(data):
            self.is_full = True
            kept += notice_of_cap(self._limit)
        self._append(kept)

    def _size(self) -> int:
        with suppress(OSError):
            return os.fstat(self.fd).st_size
        return 0

    def _append(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self.fd, view) :]
        except OSError as error:  # disk full, or the file system is gone: the task goes on
            if error.errno == errno.EBADF and self._spare_fd not in {None, self.fd}:
                self.fd = self._spare_fd
                self._append(view)
            else:
                self.error = self.error or error.strerror or str(error)


class LineFormatter(logging.Formatter):
    """`[2024-01-01T00:00:00.000+0000] {file.py:12} INFO - message`, as Airflow writes it.

    Secrets in the message, and in a traceback after it, are masked.
    """

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] {%(filename)s:%(lineno)d} %(levelname)s - %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the lines of a traceback."""
        if record.args and _holds_dict(record.args):
            record = copy(record)
            record.args = redact(record.args)
        prefix, dash, text = super().format(record).partition(" - ")
        return f"{prefix}{dash}{secrets_masker().text(text)}"

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Return the moment in local time with milliseconds and the zone's offset."""
        return stamp(record.created)


def _holds_dict(args: object) -> bool:
    """Whether an argument of a record has names, which may be those of secrets."""
    return isinstance(args, dict) or any(isinstance(arg, dict) for arg in args)  # type: ignore[attr-defined]


def stamp(moment_s: float) -> str:
    """Return seconds since 1970 as the log shows them."""
    date, zone = time.strftime("%Y-%m-%dT%H:%M:%S %z", time.localtime(moment_s)).split(" ")
    return f"{date}.{int(moment_s * 1000) % 1000:03d}{zone}"


class FileHandler(logging.Handler):
    """Writes records to a `LogFile`."""

    def __init__(self, file: LogFile) -> None:
        super().__init__()
        self._file = file
        self.setFormatter(LineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; one that cannot be formatted is told as such."""
        try:
            text = self.format(record)
        except Exception as error:
            told = f"A log record could not be formatted: {error!r}: {record.msg!r}"
            text = secrets_masker().text(told)
        self._file.write(text.encode("utf-8", "backslashreplace") + b"\n")


class ShownLog(logging.StreamHandler[TextIO]):
    """Shows records as they are in the log, where an attempt runs in front of its user."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(LineFormatter())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Go on: whoever reads has gone, or the record cannot be formatted, as its log says."""


def log_to(file: LogFile, level: str) -> logging.Handler:
    """Make the root logger write to `file`, and to nothing else; return its handler."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    handler = FileHandler(file)
    root.addHandler(handler)
    task_logger().sink = handler
    set_level(level)
    _enable_own()
    return handler


def _enable_own() -> None:
    """Let our loggers speak: `dictConfig` in a DAG file disables all that it does not name."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.split(".")[0] == "airflow_lite" and isinstance(logger, logging.Logger):
            logger.disabled = False


def set_level(level: str) -> None:
    """Log from `level` up; an unknown word is INFO."""
    number = getattr(logging, level.upper(), logging.INFO)
    logging.getLogger().setLevel(number)
    task_logger().least = number
