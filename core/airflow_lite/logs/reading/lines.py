"""The lines of a log that may still grow, wherever its bytes come from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from airflow_lite.worker.task_log.paths import open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_lite.keys import TaskInstanceKey

CHUNK = 1 << 16
#: Longest line, in bytes, that is kept together; a longer one comes in pieces.
_LONGEST = 1 << 20


class Source(Protocol):
    """A log's bytes, from this machine or another."""

    def chunks(self, position: int) -> Iterator[bytes]:
        """Yield what there is from `position` on; raise FileNotFoundError if there is no log."""


class FileSource:
    """A log file of this machine."""

    def __init__(self, folder: Path, key: TaskInstanceKey) -> None:
        self._folder = folder
        self._key = key

    def chunks(self, position: int) -> Iterator[bytes]:
        """Yield what is in the file from `position` on."""
        with os.fdopen(open_for_reading(self._folder, self._key), "rb") as file:
            file.seek(position)
            while data := file.read(CHUNK):
                yield data


class Reader:
    """Reads the bytes of a source by whole lines. Bytes that are not UTF-8 are replaced."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._position = 0
        self._begun = b""
        self.is_found = False

    @property
    def is_empty(self) -> bool:
        """Whether no byte was read so far."""
        return self._position == 0

    def new_lines(self) -> Iterator[str]:
        """Yield the whole lines that are new, many at once: blocks without their last line end.

        None if there is no log; raises as its source.
        """
        try:
            for data in self._source.chunks(self._position):
                self._position += len(data)
                lines, end, self._begun = (self._begun + data).rpartition(b"\n")
                if end:
                    yield lines.decode("utf-8", "replace")
                if len(self._begun) >= _LONGEST:
                    yield from self.rest()
        except FileNotFoundError:
            return
        self.is_found = True

    def rest(self) -> Iterator[str]:
        """Yield what comes after the last line end."""
        if self._begun:
            yield self._begun.decode("utf-8", "replace")
            self._begun = b""
