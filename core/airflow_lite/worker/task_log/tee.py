"""The log of a try on stdout as well, as it is written: of a pod, others see that alone."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_lite.worker.task_log.paths import open_for_reading

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_lite.keys import TaskInstanceKey

#: Seconds between two looks at the log: several processes write it, and none tells of it.
_LOOK_S = 0.5
_CHUNK = 1 << 16


class LogTee:
    """A thread that copies what the log of a try has more than when this was made."""

    def __init__(self, folder: Path, key: TaskInstanceKey, target: int = 1) -> None:
        self._folder = folder
        self._key = key
        self._target = target
        self._file: int | None = None
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-tee", daemon=True)
        self._skip = self._size()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Copy the rest, and end the thread."""
        self._is_ending.set()
        self._thread.join()
        if self._file is not None:
            os.close(self._file)

    def _size(self) -> int:
        with suppress(OSError):
            descriptor = open_for_reading(self._folder, self._key)
            try:
                return os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
        return 0

    def _run(self) -> None:
        while True:
            is_last = self._is_ending.wait(_LOOK_S)
            with suppress(OSError):  # nobody reads stdout any more: the log is a file anyway
                self._copy()
            if is_last:
                return

    def _copy(self) -> None:
        if self._file is None:
            try:
                self._file = open_for_reading(self._folder, self._key)
            except FileNotFoundError:
                return
            os.lseek(self._file, self._skip, os.SEEK_SET)
        while data := os.read(self._file, _CHUNK):
            view = memoryview(data)
            while view:
                view = view[os.write(self._target, view) :]
