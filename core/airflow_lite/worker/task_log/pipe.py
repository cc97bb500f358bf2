"""Carries what a child's subprocesses print to the log of the try, up to its size limit."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_lite.secrets_masker import secrets_masker
from airflow_lite.worker.task_log.file import LogFile, stamp
from airflow_lite.worker.task_log.masked import Mask, MaskedBytes

if TYPE_CHECKING:
    from collections.abc import Iterable

_CHUNK = 1 << 16
#: Most chunks that one turn carries, so that a noisy task does not keep the host from others.
_AT_ONCE = 32


class LogPipe:
    """The reading end of the pipe that is a child's descriptors 1 and 2.

    `mask` has the secrets that this process knows; those of the child come by `hide`.
    """

    def __init__(self, fd: int, log_fd: int, limit_bytes: int, mask: Mask | None = None) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._log = LogFile(log_fd, limit_bytes)
        self._masked = MaskedBytes(mask or Mask())
        self.is_closed = False
        self._is_drained = False
        self._is_released = False

    def fileno(self) -> int:
        """Return the descriptor to select on."""
        return self._fd

    def carry(self) -> None:
        """Move what is there into the log; what is past the limit is dropped."""
        for _ in range(0 if self._is_drained else _AT_ONCE):  # its number may be another's by then
            try:
                data = os.read(self._fd, _CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.is_closed = True
                self._log.write(self._masked.finish())
                return
            self._log.write(self._masked.feed(data))

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these secrets, too, in what comes from now on."""
        self._masked.mask = self._masked.mask.with_secrets(secrets)

    @property
    def log_fd(self) -> int:
        """Return the descriptor of the log file."""
        return self._log.fd

    @property
    def log_error(self) -> str | None:
        """Return why something could not be written into the log."""
        return self._log.error

    def note(self, text: str) -> None:
        """Add a line of the host's own to the log."""
        shown = secrets_masker().text(text)
        line = f"[{stamp(time.time())}] {{task_host}} ERROR - {shown}\n"
        self._log.write(line.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Close the pipe, which has ended; the log stays open for notes until `release`."""
        self._is_drained = True
        with suppress(OSError):
            os.close(self._fd)
        self._close_log()

    def release(self) -> None:
        """Note nothing any more; the log is closed once the pipe has ended, too."""
        self._is_released = True
        self._close_log()

    def _close_log(self) -> None:
        # Closed once and by whoever comes last: the number may be another file's right after.
        if self._is_drained and self._is_released and self._log.fd >= 0:
            fd, self._log.fd = self._log.fd, -1
            with suppress(OSError):
                os.close(fd)
