"""`sys.stdout` and `sys.stderr` of a task: what is printed goes into the log of its try."""

from __future__ import annotations

import io
import os
import sys
import time
from threading import get_ident
from typing import TYPE_CHECKING, Any

from airflow_lite.secrets_masker import secrets_masker
from airflow_lite.worker.task_log.file import stamp
from airflow_lite.worker.task_log.masked import Mask, MaskedBytes

if TYPE_CHECKING:
    from types import FrameType

    from airflow_lite.worker.task_log.file import LogFile

#: A line is written though it has no end once it is longer than so many characters.
_LONGEST_LINE = 1 << 16


class TaskStream(io.TextIOBase):
    """What `print` writes to in a task: whole lines, each with the place that wrote it.

    Otherwise it answers as the text file does that `sys.stdout` is elsewhere, but that nobody can
    close it. Each thread writes lines of its own.
    """

    encoding = "utf-8"
    errors = "backslashreplace"
    mode = "w"
    line_buffering = True
    write_through = False

    def __init__(self, file: LogFile, fd: int, level: str) -> None:
        super().__init__()
        self._file = file
        self._fd = fd
        self._level = level
        self._begun: dict[int, str] = {}  # by thread
        self.name = "<stdout>" if level == "INFO" else "<stderr>"
        self.buffer = _RawLog(file, self)

    def fileno(self) -> int:
        """Return the descriptor beneath, for subprocesses that are given this stream."""
        return self._fd

    def isatty(self) -> bool:
        """Return False: it is a file."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True

    def reconfigure(self, **_options: object) -> None:
        """Change nothing: the log is UTF-8, and written by whole lines."""

    def detach(self) -> _RawLog:  # type: ignore[override]
        """Return the stream for bytes; this one goes on."""
        return self.buffer

    def close(self) -> None:
        """Write what was begun; the stream stays open."""
        self.finish()

    def write(self, text: str) -> int:
        """Take text; each line is written once it is whole."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        thread = get_ident()
        *lines, begun = (self._begun.pop(thread, "") + text).split("\n")
        if len(begun) > _LONGEST_LINE:
            begun = secrets_masker().text(begun)
            end = secrets_masker().begun_at(begun)
            lines.append(begun[:end])
            begun = begun[end:]
        if begun:
            self._begun[thread] = begun
        if lines:
            self._emit(lines, _place())
        return len(text)

    def _emit(self, lines: list[str], place: str) -> None:
        prefix = f"[{stamp(time.time())}] {place} {self._level} - "
        if secrets_masker().pattern is not None:
            lines = secrets_masker().text("\n".join(lines)).split("\n")
        data = "".join(f"{prefix}{line}\n" for line in lines)
        self._file.write(data.encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        """Write what was begun as a line.

        Not a progress bar, which writes over itself, nor what a secret may begin with.
        """
        begun = self._begun.get(get_ident(), "\r")
        if "\r" not in begun and secrets_masker().begun_at(begun) == len(begun):
            self._emit([self._begun.pop(get_ident())], _place())

    def finish(self) -> None:
        """Write what was begun and has no line end yet."""
        while self._begun:
            self._emit([self._begun.popitem()[1]], f"{{{self.name[1:-1]}}}")
        self.buffer.finish()


class _RawLog(io.BufferedIOBase):
    """`sys.stdout.buffer` of a task: bytes go to the log as they are."""

    mode = "wb"

    def __init__(self, file: LogFile, text: TaskStream) -> None:
        super().__init__()
        self._file = file
        self._text = text
        self._masked: MaskedBytes | None = None

    @property
    def name(self) -> str:
        return self._text.name

    @property
    def raw(self) -> _RawLog:
        return self

    def fileno(self) -> int:
        return self._text.fileno()

    def writable(self) -> bool:
        return True

    def detach(self) -> _RawLog:  # type: ignore[override]
        return self

    def close(self) -> None:
        """Stay open: who wraps this stream closes it in passing."""

    def write(self, data: Any) -> int:
        content = memoryview(data).cast("B")  # a TypeError for what is no bytes
        self._file.write(self._shown(bytes(content)))
        return len(content)

    def _shown(self, data: bytes) -> bytes:
        masker = secrets_masker()
        if masker.pattern is None:
            return data
        if self._masked is None:
            self._masked = MaskedBytes(Mask())
        self._masked.mask = self._masked.mask.with_secrets(masker.secrets)
        return self._masked.feed(data)

    def finish(self) -> None:
        """Write what was held because a secret may begin with it."""
        if self._masked is not None:
            self._file.write(self._masked.finish())


def _place() -> str:
    """Return the nearest place that is not in this file."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - as logging finds its caller
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    if frame is None:
        return "{}"
    return f"{{{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}}}"


class Tee(TaskStream):
    """A stream that writes to another as ever, and whole lines to the log, too."""

    def __init__(self, stream: Any, file: LogFile, level: str) -> None:
        super().__init__(file, -1, level)
        self._stream = stream

    def write(self, text: str) -> int:
        """Write to the stream, and to the log what is whole."""
        self._stream.write(secrets_masker().text(text))
        return super().write(text)

    def flush(self) -> None:
        """Flush the stream, and the log."""
        self._stream.flush()
        super().flush()

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return int(self._stream.fileno())

    def isatty(self) -> bool:
        """Return what the stream says."""
        return bool(self._stream.isatty())


class MaskedStream(io.TextIOBase):
    """A text stream around another, in which secrets are masked."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream
        self.name = getattr(stream, "name", "<stream>")
        self.buffer = stream.buffer

    def write(self, text: str) -> int:
        """Write text without its secrets."""
        self._stream.write(secrets_masker().text(text))
        return len(text)

    def writable(self) -> bool:
        """Return True."""
        return True

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def close(self) -> None:
        """Leave the stream open."""

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return int(self._stream.fileno())

    def isatty(self) -> bool:
        """Return what the stream says."""
        return bool(self._stream.isatty())
