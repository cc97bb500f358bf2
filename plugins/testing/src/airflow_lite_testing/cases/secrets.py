"""Faults: a secret of the environment is seen where others can read it."""

from __future__ import annotations

import logging

from airflow_lite_testing.bench import SECRET
from airflow_lite_testing.case import case
from airflow_lite_testing.cases.base import Cases
from airflow_lite_testing.needs import own_thread
from airflow_lite_testing.processes import processes


class SecretCases(Cases):
    """What is in the scheduler's environment stays out of argv and logs."""

    @case("faults.secrets.not-in-argv", own_thread)
    def test_no_secret_is_in_argv(self) -> None:
        """No process has a value of the environment on its command line."""
        rig = self.rig().start()
        attempt = self.bench.attempt(waits=True)
        rig.queue(attempt)
        rig.until_started(attempt)
        commands = (process.words for process in processes())
        leaks = [words for words in commands if any(SECRET in word for word in words)]
        assert not leaks, f"a secret of the environment is in the arguments of {leaks[0][0]}"
        self.bench.release(attempt)
        rig.until_ended(attempt)

    @case("faults.secrets.not-in-logs")
    def test_no_secret_is_logged(self) -> None:
        """No log record, at whatever level, has a value of the environment."""
        records: list[str] = []
        handler = _Keeper(records)
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            rig = self.rig().start()
            rig.run(self.bench.attempt(), self.bench.attempt(exit_code=1))
            rig.call("debug_dump", rig.executor.debug_dump)
            rig.end()
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
        shown = [record for record in records if SECRET in record]
        assert not shown, f"a secret of the environment was logged: {shown[0][:120]!r}"


class _Keeper(logging.Handler):
    def __init__(self, records: list[str]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record.getMessage())
