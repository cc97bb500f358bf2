"""What a task writes, line by line into the log file of its try; a full disk fails no task."""

from __future__ import annotations

import io
import logging
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType


def notice_of_cap(limit_bytes: int) -> bytes:
    """Return the line that ends a log which reached its size limit."""
    return (
        f"\n*** The log has reached [logging] max_task_log_size_mb ({limit_bytes >> 20} MB);"
        " the rest is dropped. The task goes on.\n"
    ).encode()


class LogFile:
    """A log file with a size limit, shared by all that append to it. Writing never raises."""

    def __init__(self, fd: int, limit_bytes: int) -> None:
        self.fd = fd
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

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self.fd, view) :]
        except OSError as error:  # disk full, or the file system is gone: the task goes on
            self.error = self.error or error.strerror or str(error)


class LineFormatter(logging.Formatter):
    """`[2024-01-01T00:00:00.000+0000] {file.py:12} INFO - message`, as Airflow writes it."""

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] {%(filename)s:%(lineno)d} %(levelname)s - %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Return the moment in local time with milliseconds and the zone's offset."""
        return stamp(record.created)


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
            text = f"A log record could not be formatted: {error!r}: {record.msg!r}"
        self._file.write(text.encode("utf-8", "backslashreplace") + b"\n")


class TaskStream(io.TextIOBase):
    """What `print` writes to in a task: whole lines, each with the place that wrote it."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, file: LogFile, fd: int, level: str) -> None:
        super().__init__()
        self._file = file
        self._fd = fd
        self._level = level
        self._begun = ""
        self.buffer = _RawLog(file)

    def fileno(self) -> int:
        """Return the descriptor beneath, for subprocesses that are given this stream."""
        return self._fd

    def isatty(self) -> bool:
        """Return False: it is a file."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Take text; each line is written once it is whole."""
        *lines, self._begun = (self._begun + text).split("\n")
        if lines:
            place = _place(sys._getframe(1))  # noqa: SLF001 - as logging finds its caller
            self._emit(lines, place)
        elif len(self._begun) > 1 << 16:
            self._emit([self._begun], _place(sys._getframe(1)))  # noqa: SLF001
            self._begun = ""
        return len(text)

    def _emit(self, lines: list[str], place: str) -> None:
        prefix = f"[{stamp(time.time())}] {place} {self._level} - "
        data = "".join(f"{prefix}{line}\n" for line in lines)
        self._file.write(data.encode("utf-8", "backslashreplace"))

    def finish(self) -> None:
        """Write what was begun and has no line end yet."""
        if self._begun:
            self._emit([self._begun], "{stdout}")
            self._begun = ""

    def flush(self) -> None:
        """Do nothing: whole lines are written at once."""


class _RawLog(io.RawIOBase):
    """`sys.stdout.buffer` of a task: bytes go to the log as they are."""

    def __init__(self, file: LogFile) -> None:
        super().__init__()
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        content = bytes(data)  # type: ignore[call-overload]
        self._file.write(content)
        return len(content)


def _place(frame: FrameType) -> str:
    return f"{{{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}}}"


def log_to(file: LogFile, level: str) -> logging.Handler:
    """Make the root logger write to `file`, and to nothing else; return its handler."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    handler = FileHandler(file)
    root.addHandler(handler)
    set_level(level)
    _enable_own()
    return handler


def _enable_own() -> None:
    """Let our loggers speak: `dictConfig` in a DAG file disables all that it does not name."""
    for name, known in list(logging.root.manager.loggerDict.items()):
        if name.split(".")[0] == "airflow_lite" and isinstance(known, logging.Logger):
            known.disabled = False


def set_level(level: str) -> None:
    """Log from `level` up; an unknown word is INFO."""
    logging.getLogger().setLevel(getattr(logging, level.upper(), logging.INFO))


class Tee(TaskStream):
    """A stream that writes to another as ever, and whole lines to the log, too."""

    def __init__(self, stream: Any, file: LogFile, level: str) -> None:
        super().__init__(file, -1, level)
        self._stream = stream

    def write(self, text: str) -> int:
        """Write to the stream, and to the log what is whole."""
        self._stream.write(text)
        return super().write(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return int(self._stream.fileno())

    def isatty(self) -> bool:
        """Return what the stream says."""
        return bool(self._stream.isatty())
