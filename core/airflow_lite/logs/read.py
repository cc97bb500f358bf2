"""Reading the log of one try: what the executor knows, then the file, also while it grows."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_lite.keys import TaskInstanceKey
from airflow_lite.log_paths import log_path, open_for_reading
from airflow_lite.states import ACTIVE, FINISHED, RUN_FINISHED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.config import Config
    from airflow_lite.executors.task_instance import TaskInstance
    from airflow_lite.store.attempts import Queued

_CHUNK = 1 << 16
#: Longest line, in bytes, that is kept together; a longer one comes in pieces.
_LONGEST = 1 << 20
#: Seconds between two looks at a log that is followed.
_FOLLOW_S = 0.2


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
    """Yield the lines of the log of one try, without line ends; first what the executor adds.

    Bytes that are not UTF-8 are replaced. With `follow` it goes on until the try has ended.
    Nothing that an executor does makes this fail: what it raises becomes a line.
    """
    key = TaskInstanceKey(dag_id, task_id, run_id, try_number, map_index)
    folder = Path(config.get("logging", "base_log_folder")).expanduser().absolute()
    log_path(folder, key)  # bad ids are told at once
    return _lines(config, folder, key, follow=follow)


def wait_for_try(config: Config, key: TaskInstanceKey) -> None:
    """Return once the try of `key` was begun, or once it cannot be: its task or run is over."""
    while not _is_begun_or_over(config, key):
        time.sleep(_FOLLOW_S)


def _is_begun_or_over(config: Config, key: TaskInstanceKey) -> bool:
    found = _find(config, key)
    if found is None or found.try_number >= key.try_number:
        return True
    return found.state in FINISHED or found.run.state in RUN_FINISHED


def _lines(config: Config, folder: Path, key: TaskInstanceKey, *, follow: bool) -> Iterator[str]:
    messages, logs = _from_executor(config, key)
    for message in messages:
        yield from (f"*** {line}" for line in message.splitlines())
    reader = _Reader(folder, key)
    while follow and not _has_ended(config, key):
        yield from reader.new_lines()
        time.sleep(_FOLLOW_S)
    yield from reader.new_lines()
    yield from reader.rest()
    for log in logs:
        yield from log.splitlines()
    if not reader.is_found and not logs:
        yield f"*** There is no log file {log_path(folder, key)}."
    elif reader.is_empty and not logs:
        yield f"*** The log file {log_path(folder, key)} is empty. Is its disk full?"
    yield from _unlogged_ends(config, key)


def _unlogged_ends(config: Config, key: TaskInstanceKey) -> Iterator[str]:
    """Yield what ended attempts of this try that could not write it into the log."""
    from airflow_lite.store import listing
    from airflow_lite.store.attempts import LOG_CUT
    from airflow_lite.store.engine import open_store

    store = open_store(config)
    try:
        with store.read() as connection:
            causes = listing.unlogged_causes(connection, key)
    finally:
        store.close()
    for cause in causes:
        _, is_cut, why = " ".join(cause.split()).rpartition(f"{LOG_CUT}: ")
        if is_cut:
            yield f"*** The log of this try is cut, what is missing was not written: {why}."
        else:
            yield f"*** The scheduler ended this try: {why}."


class _Reader:
    """Reads a file that may not be there yet and may still grow."""

    def __init__(self, folder: Path, key: TaskInstanceKey) -> None:
        self._folder = folder
        self._key = key
        self._position = 0
        self._begun = b""
        self.is_found = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was in it so far."""
        return self._position == 0

    def new_lines(self) -> Iterator[str]:
        """Yield the whole lines that are new."""
        try:
            fd = open_for_reading(self._folder, self._key)
        except FileNotFoundError:
            return
        self.is_found = True
        with os.fdopen(fd, "rb") as file:
            file.seek(self._position)
            while data := file.read(_CHUNK):
                self._position += len(data)
                *lines, self._begun = (self._begun + data).split(b"\n")
                yield from (line.decode("utf-8", "replace") for line in lines)
                if len(self._begun) >= _LONGEST:
                    yield from self.rest()

    def rest(self) -> Iterator[str]:
        """Yield what comes after the last line end."""
        if self._begun:
            yield self._begun.decode("utf-8", "replace")
            self._begun = b""


def _has_ended(config: Config, key: TaskInstanceKey) -> bool:
    """Whether nothing more will come into the log of this try."""
    row = _row(config, key)
    return row is None or row.try_number != key.try_number or row.state not in ACTIVE


def _find(config: Config, key: TaskInstanceKey) -> Queued | None:
    from airflow_lite.store import attempts
    from airflow_lite.store.engine import open_store

    store = open_store(config)
    try:
        with store.read() as connection:
            return attempts.find(connection, [key]).get(key.primary)
    finally:
        store.close()


def _row(config: Config, key: TaskInstanceKey) -> TaskInstance | None:
    from airflow_lite.executors.task_instance import TaskInstance

    found = _find(config, key)
    if found is None:
        return None
    return TaskInstance(
        key.dag_id,
        key.task_id,
        key.run_id,
        found.try_number,
        key.map_index,
        found.attempt or "",
        state=found.state,
        queue=found.queue,
        pool=found.pool,
    )


def _from_executor(config: Config, key: TaskInstanceKey) -> tuple[list[str], list[str]]:
    """Ask the configured executor; what it raises is a message."""
    from airflow_lite.executors.base import BaseExecutor
    from airflow_lite.executors.loading import executor_class, load_executor

    name = config.get("core", "executor")
    try:
        if executor_class(name, config).get_task_log is BaseExecutor.get_task_log:
            return [], []
        instance = _row(config, key)
        if instance is None:
            return [], []
        messages, logs = load_executor(config).get_task_log(instance, key.try_number)
        return [str(one) for one in messages], [str(one) for one in logs]
    except Exception as error:
        return [f"{name} could not add to the log: {type(error).__name__}: {error}"], []
