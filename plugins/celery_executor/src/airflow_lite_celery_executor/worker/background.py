"""A worker in the background: started, and stopped by the file of its process id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_lite.config import Config
    from airflow_lite_celery_executor.worker.serving import WorkerOptions

_NAME = "celery-worker"
#: Seconds that a worker in the background has to start, and between two looks.
_START_S, _LOOK_S = 60.0, 0.05


def pid_file(config: Config, named: str | None) -> str:
    """Return the file of the process id: the one that is named, or one in the home."""
    return os.path.abspath(named) if named else config.path(f"{_NAME}.pid")


def start_in_background(
    config: Config, options: WorkerOptions, log_file: str | None, *, serves_logs: bool
) -> None:
    """Start a worker in a session of its own; return once its process id is in the file.

    Raises `UserError` if it ends before that.
    """
    from airflow_lite.worker import child_environment

    log = Path(log_file or config.path(f"{_NAME}.log"))
    words = [*_words(options), *([] if serves_logs else ["--skip-serve-logs"])]
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow_lite", "celery", "worker", *words],
            env=child_environment(config),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    _await_start(process, str(options.pid_file), log)


def _await_start(process: subprocess.Popen[bytes], path: str, log: Path) -> None:
    from airflow_lite.cli import UserError

    deadline = time.monotonic() + _START_S
    while _read(path) != process.pid:
        if process.poll() is not None:
            raise UserError(f"The worker ended with {process.returncode}. Read {log}.")
        if time.monotonic() > deadline:
            raise UserError(f"The worker has not started in {_START_S:g} s. Read {log}.")
        time.sleep(_LOOK_S)


def stop_worker(path: str) -> int:
    """Send SIGTERM to the worker whose process id is in the file; return the id.

    Raises `UserError` where no worker runs.
    """
    from airflow_lite.cli import UserError

    pid = _read(path)
    if pid is None or not _is_worker(pid):
        raise UserError(
            f"No worker runs by {path}. `airflow-lite celery list-workers` shows those that do."
        )
    os.kill(pid, signal.SIGTERM)
    return pid


def _read(path: str) -> int | None:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _is_worker(pid: int) -> bool:
    """Return whether the process is a worker of ours: ids are given away again."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return {b"celery", b"worker"} <= set(words)


def _words(options: WorkerOptions) -> list[str]:
    """Return the command line's words for these options."""
    words = ["--pid", str(options.pid_file)]
    if options.queues:
        words += ["--queues", ",".join(options.queues)]
    if options.concurrency is not None:
        words += ["--concurrency", str(options.concurrency)]
    if options.autoscale is not None:
        words += ["--autoscale", ",".join(map(str, options.autoscale))]
    if options.hostname is not None:
        words += ["--celery-hostname", options.hostname]
    flags = {
        "--without-mingle": options.without_mingle,
        "--without-gossip": options.without_gossip,
    }
    return words + [flag for flag, is_set in flags.items() if is_set]
