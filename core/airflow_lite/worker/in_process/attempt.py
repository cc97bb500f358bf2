"""Attempts in this very process and thread: so that a breakpoint works. No task host, no fork."""

from __future__ import annotations

import logging
import os
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_lite.authoring.secrets.search import using
from airflow_lite.secrets_masker import redact
from airflow_lite.security.cipher import Cipher
from airflow_lite.task_logger import task_logger
from airflow_lite.terminal import raw
from airflow_lite.text import described
from airflow_lite.worker.in_process.runner import find_task, run_in_this_process
from airflow_lite.worker.messages import Outcome, RetryPolicy
from airflow_lite.worker.task.execution import Execution, kept_environment
from airflow_lite.worker.task_log.file import FileHandler, LogFile, ShownLog
from airflow_lite.worker.task_log.streams import Tee

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_lite.config import Config
    from airflow_lite.store.attempts import Supervisor
    from airflow_lite.store.engine import Store
    from airflow_lite.worker.host.attempt import Attempt
    from airflow_lite.worker.settings import HostSettings

logger = task_logger()


def run_attempt(command: list[str], config: Config, *, pdb: bool = False) -> str | None:
    """Claim one attempt, run it here, record it; return its task instance's state then.

    None if the attempt is not, or not any more, to be run. With `pdb` a failure opens the
    debugger. What the code prints goes on to this process's streams, and to the log of the try.
    """
    from airflow_lite.plugins.timetables import find_timetables
    from airflow_lite.store.engine import open_store

    find_timetables(config)
    store = open_store(config, name="attempt")
    try:
        return _Claimed(store, config, pdb=pdb).run(command)
    finally:
        store.close()


class _Claimed:
    """One attempt between its claim and its record."""

    def __init__(self, store: Store, config: Config, *, pdb: bool) -> None:
        from airflow_lite.clock import SystemClock
        from airflow_lite.worker.host.identity import supervisor
        from airflow_lite.worker.in_process.store_access import direct_secrets
        from airflow_lite.worker.settings import HostSettings

        self._store = store
        self._secrets = direct_secrets(store, Cipher(config))
        self._pdb = pdb
        self._clock = SystemClock()
        self._settings: HostSettings = HostSettings.read(config)
        self._who: Supervisor = supervisor(self._settings, "in_process", uuid.uuid4().hex, None)

    def run(self, command: list[str]) -> str | None:
        from airflow_lite.keys import RunCommand
        from airflow_lite.worker.host.attempt import Attempt

        attempt = Attempt(RunCommand.parse(command))
        if not self._claim(attempt):
            return None
        outcome = Outcome("failed", "interrupted")
        try:
            with self._logged(attempt), kept_environment(), using(self._secrets):
                outcome = self._execute(attempt)
        finally:
            state = self._record(attempt, outcome)
        return state

    def _claim(self, attempt: Attempt) -> bool:
        from airflow_lite.store import attempts, queued

        now_us = self._clock.now_us()
        with self._store.begin() as connection:
            row = queued.find(connection, [attempt.key]).get(attempt.key.primary)
            if row is None or row.state != "queued" or row.attempt != attempt.token:
                return False
            attempt.row = row
            attempts.register(connection, self._who, now_us)
            return bool(attempts.claim(connection, [attempt.claim()], self._who, now_us))

    def _execute(self, attempt: Attempt) -> Outcome:
        from airflow_lite.worker.in_process.store_access import DirectStoreClient

        try:
            attempt.locate(self._settings.dags_folder)
            task = find_task(attempt.path, attempt.key.dag_id, attempt.key.task_id)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            logger.exception("The DAG file cannot be imported")
            return Outcome("failed", redact(described(error)))
        attempt.policy = RetryPolicy.of(task)
        row = attempt.queued
        client = DirectStoreClient(
            self._store, self._clock, row.run, (row.id, attempt.key.task_id, attempt.key.map_index)
        )
        request = attempt.request(self._settings, self._clock.now_us())
        execution = Execution(request, task, client, passes_interrupts=True)
        return run_in_this_process(execution, attempt.policy, pdb=self._pdb)

    def _record(self, attempt: Attempt, outcome: Outcome) -> str | None:
        from airflow_lite.store import attempts

        now_us = self._clock.now_us()
        if attempt.policy is None:
            attempt.policy = RetryPolicy()
        ended = attempt.ended(outcome, now_us, self._settings.max_retry_delay_s)
        with self._store.begin() as connection:
            attempts.end(connection, [ended], self._who)
            attempts.end_supervisor(connection, self._who.id, now_us, "ended")
            rows = attempts.watch(connection, [attempt.queued.id])
        return rows[0].state if rows else None

    @contextmanager
    def _logged(self, attempt: Attempt) -> Iterator[None]:
        """Copy what is logged and printed to the log of the try, and show what is logged, too."""
        from airflow_lite.worker.task_log.paths import open_for_writing

        key = attempt.key._replace(try_number=attempt.queued.try_number)
        try:
            fd = open_for_writing(self._settings.log_folder, key)
        except OSError as error:  # a full disk fails no task
            logger.warning("no log for %s: %s", key, error)
            attempt.log_error = str(error)
            yield
            return
        file = LogFile(fd, self._settings.max_log_bytes)
        try:
            with _copied(file, self._settings.log_level, prints=not self._pdb):
                yield
        finally:
            attempt.log_error = file.error
            os.close(fd)
        if file.error is not None:
            logger.warning("the log of %s is cut: %s", key, file.error)


@contextmanager
def _copied(file: LogFile, level: str, *, prints: bool) -> Iterator[None]:
    handler = FileHandler(file)
    root = logging.getLogger()
    before = root.level, sys.stdout, sys.stderr
    handlers: list[logging.Handler] = [handler]
    if not root.handlers:  # else what is logged is shown already
        handlers.append(ShownLog(sys.stdout))
    for each in handlers:
        root.addHandler(each)
    task_logger().sink = handler
    root.setLevel(min(root.level or logging.INFO, getattr(logging, level.upper(), logging.INFO)))
    if prints:
        sys.stdout, sys.stderr = Tee(sys.stdout, file, "INFO"), Tee(sys.stderr, file, "WARNING")
    else:  # a debugger draws on the terminal itself
        sys.stdout, sys.stderr = raw(sys.stdout), raw(sys.stderr)
    try:
        yield
    finally:
        task_logger().sink = None
        for each in handlers:
            root.removeHandler(each)
        root.setLevel(before[0])
        sys.stdout, sys.stderr = before[1], before[2]
