"""Reading the log of one try: the file, also while it grows, and what the executor knows of it.

A file that is not here is read from the machines that ran the try.
"""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.keys import TaskInstanceKey
from airflow_lite.logs.reading.executor_log import ExecutorLog
from airflow_lite.logs.reading.lines import FileSource, Reader
from airflow_lite.logs.reading.remote import LogNotReadable, RemoteSource
from airflow_lite.logs.reading.try_rows import TryRows
from airflow_lite.worker.task_log.paths import log_path, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.config import Config

#: Seconds between two looks at a log that is followed, and how long they become while it rests.
_FOLLOW_S, _LONGEST_S = 0.2, 1.0
#: Seconds that a file which is here waits for what the executor says of it.
_HOLD_S = 3.0
#: After so many looks that all brought lines, the row is read as well: has the try ended?
_MOST_BUSY_LOOKS = 10
#: So much is read for the last lines of a log that is on this machine.
_TAIL_BYTES = 1 << 16


def task_log(
    config: Config,
    dag_id: str,
    task_id: str,
    run_id: str,
    try_number: int,
    map_index: int = -1,
    *,
    follow: bool = False,
) -> Iterator[str]:
    """Yield the lines of the log of one try, in blocks of one or more without the last line end.

    What the executor says of it stands above, unless the file is here and the executor is slow:
    then below. Bytes that are not UTF-8 are replaced. With `follow` it goes on until the try has
    ended, over all its reschedules. An error of the executor or of another machine becomes a line.
    """
    key = TaskInstanceKey(dag_id, task_id, run_id, try_number, map_index)
    folder = config.getpath("logging", "base_log_folder")
    log_path(folder, key)  # bad ids raise here, not at the first line
    return _lines(config, folder, key, follow=follow)


def last_lines(config: Config, key: TaskInstanceKey, most: int) -> list[str]:
    """Return up to `most` lines from the end of a log, wherever it is, without line ends."""
    try:
        descriptor = open_for_reading(config.getpath("logging", "base_log_folder"), key)
    except OSError:
        every = (line for block in task_log(config, *key[:5]) for line in block.split("\n"))
        return list(deque(every, most))
    with os.fdopen(descriptor, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _TAIL_BYTES, 0))
        lines = file.read(_TAIL_BYTES).decode("utf-8", "replace").splitlines()
    return lines[-most:]


def wait_for_try(config: Config, key: TaskInstanceKey) -> None:
    """Return once the try of `key` was begun, or once it cannot be: its task or run is over."""
    with TryRows(config, key) as rows:
        while not rows.is_begun_or_over():
            time.sleep(_FOLLOW_S)


def _lines(config: Config, folder: Path, key: TaskInstanceKey, *, follow: bool) -> Iterator[str]:
    with TryRows(config, key) as rows:
        executor = ExecutorLog(config, rows)
        log = _TryLog(config, folder, key, rows)
        yield from executor.messages(_HOLD_S if log.is_here else None)
        log.is_told = bool(executor.texts())
        if follow:
            yield from _until_ended(log, rows)
        yield from log.new_lines()
        yield from log.rest()
        yield from executor.messages()
        for text in executor.texts():
            yield from text.splitlines()
        if not executor.texts():
            yield from log.remarks()
        yield from (f"*** {' '.join(note.split())}." for note in rows.notes())
        yield from _unlogged_ends(rows)


def _until_ended(log: _TryLog, rows: TryRows) -> Iterator[str]:
    """Yield lines as they come; the row is read when none do, and now and then."""
    pause_s, busy_looks = _FOLLOW_S, 0
    while True:
        has_grown = False
        for block in log.new_lines():
            has_grown = True
            yield block
        busy_looks = busy_looks + 1 if has_grown else _MOST_BUSY_LOOKS
        if busy_looks >= _MOST_BUSY_LOOKS:
            busy_looks = 0
            if rows.has_ended():
                return
        pause_s = _FOLLOW_S if has_grown else min(pause_s * 1.5, _LONGEST_S)
        time.sleep(pause_s)


class _TryLog:
    """The log file of one try: here, else on the machines that ran its attempts."""

    def __init__(self, config: Config, folder: Path, key: TaskInstanceKey, rows: TryRows) -> None:
        self._config = config
        self._rows = rows
        self._path = log_path(folder, key)
        self._relative_path = str(self._path.relative_to(folder))
        self._here = Reader(FileSource(folder, key))
        self._there: dict[str, Reader] = {}
        self._faults: dict[str, str] = {}  # machine -> the last fault that was shown
        self.is_told = False  # by the executor: no other machine is asked

    @property
    def is_here(self) -> bool:
        """Whether this machine has the file."""
        return self._path.exists()

    def new_lines(self) -> Iterator[str]:
        """Yield blocks of the whole lines that are new."""
        yield from self._here.new_lines()
        if not self._here.is_found and not self.is_told:
            for host in self._others():
                yield from self._lines_from(host)

    def _others(self) -> list[str]:
        own = self._config.hostname
        return [host for host in self._rows.hosts() if host != own]

    def _lines_from(self, host: str) -> Iterator[str]:
        if host not in self._there:
            self._there[host] = Reader(RemoteSource(self._config, host, self._relative_path))
        try:
            yield from self._there[host].new_lines()
        except LogNotReadable as error:
            fault = " ".join(f"*** The log on {host} could not be read: {error}".split())
            if self._faults.get(host) != fault:
                self._faults[host] = fault
                yield f"{fault}."

    def rest(self) -> Iterator[str]:
        """Yield what comes after the last line end."""
        for reader in (self._here, *self._there.values()):
            yield from reader.rest()

    def remarks(self) -> Iterator[str]:
        """Yield a line if the log is missing or empty, or part of it may be on other machines."""
        if self._here.is_found:
            if self._here.is_empty:
                yield f"*** The log file {self._path} is empty. Is its disk full?"
            yield from self._elsewhere()
            return
        readers = {host: reader for host, reader in self._there.items() if reader.is_found}
        for host, reader in readers.items():
            if reader.is_empty:
                yield f"*** The log file on {host} is empty. Is its disk full?"
        if not readers and not self._faults:
            elsewhere = f", nor on {', '.join(self._there)}" if self._there else ""
            yield f"*** There is no log file {self._path}{elsewhere}."

    def _elsewhere(self) -> Iterator[str]:
        """Yield a line if attempts may have written their part of the log on other machines."""
        hosts, others = self._rows.hosts(), self._others()
        if others and len(others) < len(hosts):
            yield (
                f"*** Part of this try ran on {', '.join(others)}: its lines are above only if the"
                " log folder is shared."
            )


def _unlogged_ends(rows: TryRows) -> Iterator[str]:
    """Yield the causes of ended attempts that are missing from the log, a line each."""
    from airflow_lite.store.attempts import LOG_CUT

    for cause in rows.unlogged_causes():
        _, is_cut, why = " ".join(cause.split()).rpartition(f"{LOG_CUT}: ")
        if is_cut:
            yield f"*** The log of this try is incomplete, lines could not be written: {why}."
        else:
            yield f"*** The scheduler ended this try: {why}."
