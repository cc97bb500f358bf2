"""airflow.utils.process_utils and .timeout."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from airflow_lite.errors import AirflowTaskTimeout
from airflow_lite.task_logger import task_logger


def execute_in_subprocess(
    cmd: list[str], cwd: str | None = None, env: dict[str, str] | None = None
) -> None:
    """Run a command, and log what it prints; raise CalledProcessError if it fails."""
    logger = task_logger()
    logger.info("Executing cmd: %s", " ".join(cmd))
    with subprocess.Popen(
        cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd, env=env
    ) as process:
        assert process.stdout is not None  # it is a pipe
        for line in process.stdout:
            logger.info("%s", line.decode(errors="backslashreplace").rstrip())
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, cmd)


@contextmanager
def patch_environ(new_env_variables: Mapping[str, str]) -> Iterator[None]:
    """Set these variables for the length of the block."""
    before = {name: os.environ.get(name) for name in new_env_variables}
    os.environ.update(new_env_variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def timeout(seconds: float = 1, error_message: str = "Timeout") -> Iterator[None]:
    """Raise `AirflowTaskTimeout` in the block after some seconds; in the main thread alone."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise AirflowTaskTimeout(f"{error_message}, PID: {os.getpid()}")

    before = signal.signal(signal.SIGALRM, end)
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left_s)
        signal.signal(signal.SIGALRM, before)
