"""What operators share that run programs: process groups, their environment and their output."""

from __future__ import annotations

import codecs
import logging
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from airflow_lite.authoring.operator import BaseOperator

_READ_BYTES = 1 << 16
#: A line is cut after so many characters, so that output without line ends stays bounded.
MOST_CHARACTERS = 1 << 20
#: So many lines are logged one by one. Past them what one read brings is one record, since a
#: gigabyte of short lines would take hours otherwise.
SINGLE_LINES = 10_000
#: Seconds that a command gets to end after SIGTERM, before SIGKILL.
_GRACE_S = 30.0
#: Marks the children of a task that runs in the process of `dags test`: see `orphan_guard`.
GUARD_MARK = "AIRFLOW_LITE_GUARD"


class RunsPrograms(BaseOperator):
    """Runs programs, each in a process group of its own that ends with the task."""

    _process: subprocess.Popen[bytes] | None = None
    _signalled: subprocess.Popen[bytes] | None = None  # `on_kill` is called twice

    def run_program(
        self,
        command: list[str],
        folder: str | None,
        env: Mapping[str, str],
        encoding: str = "utf-8",
    ) -> tuple[int, str]:
        """Run a program and log what it prints; return its exit code and its last line."""
        with subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            process_group=0,  # so that on_kill reaches whatever it started
        ) as process:
            self._process = process
            self.log.info("Output:")
            try:
                assert process.stdout is not None  # it is a pipe
                last_line = log_output(process.stdout.fileno(), encoding, self.log)
                code = process.wait()
            except BaseException:
                self._stop(process)
                raise
        self.log.info("Command exited with return code %s", code)
        return code, last_line

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        self.on_kill()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def on_kill(self) -> None:
        """Send SIGTERM to the program and all that it started in its group."""
        process = self._process
        if process is not None and process is not self._signalled and process.poll() is None:
            self._signalled = process
            self.log.info("Sending SIGTERM signal to process group")
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def ids_of_run(context: Mapping[str, Any]) -> dict[str, str]:
    """Return what the environment of a program says of its run, beside what it inherits."""
    guard = {GUARD_MARK: os.environ[GUARD_MARK]} if GUARD_MARK in os.environ else {}
    return context_variables(context) | guard


def context_variables(context: Mapping[str, Any]) -> dict[str, str]:
    """Return the AIRFLOW_CTX_… variables that Airflow sets for every command."""
    task, ti, run = context.get("task"), context.get("ti"), context.get("dag_run")
    logical_date = context.get("logical_date")
    variables = {
        "DAG_OWNER": getattr(task, "owner", None),
        "DAG_ID": getattr(ti, "dag_id", None),
        "TASK_ID": getattr(ti, "task_id", None),
        "EXECUTION_DATE": logical_date.isoformat() if logical_date is not None else None,
        "TRY_NUMBER": getattr(ti, "try_number", None),
        "DAG_RUN_ID": getattr(run, "run_id", None),
    }
    return {
        f"AIRFLOW_CTX_{name}": str(value) for name, value in variables.items() if value is not None
    }


def log_output(descriptor: int, encoding: str, log: logging.Logger) -> str:
    """Log the lines of `descriptor` until its end; return the last, without blanks at its end.

    Bytes that are not valid in `encoding` become backslash escapes.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="backslashreplace")
    last, pending, count = "", "", 0
    while True:
        raw = os.read(descriptor, _READ_BYTES)
        whole, ended, pending = (pending + decoder.decode(raw, final=not raw)).rpartition("\n")
        if pending and (not raw or len(pending) >= MOST_CHARACTERS):
            whole, ended, pending = f"{whole}{ended}{pending}", "\n", ""
        if ended:
            count, last = _log_lines(whole, count, log)
        if not raw:
            return last


def _log_lines(text: str, count: int, log: logging.Logger) -> tuple[int, str]:
    """Log the lines of `text`; return how many there were by now, and the last."""
    if count >= SINGLE_LINES:
        log.info("%s", text)
        return count, text.rpartition("\n")[2].rstrip()
    lines = text.split("\n")
    for line in lines:
        log.info("%s", line.rstrip())
    return count + len(lines), lines[-1].rstrip()
