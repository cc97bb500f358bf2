"""A task host's two ways in: a process of a scheduler's, or one attempt in this process.

`python -m airflow_lite.worker.host.main SUPERVISOR JOB FD [MOST]` is the first, `airflow-lite tasks
run` the second.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import uuid
from typing import TYPE_CHECKING

from airflow_lite.processes.limits import raise_soft_limit
from airflow_lite.task_logger import log_masked
from airflow_lite.terminal import safe
from airflow_lite.worker.host.identity import supervisor
from airflow_lite.worker.zygote.start import BaseZygote, fork_base

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_lite.config import Config
    from airflow_lite.keys import RunCommand
    from airflow_lite.worker.host.loop import HostLoop


#: Exit codes: the outcome is recorded, whatever it was; the attempt is not ours to run; neither.
RECORDED, NOT_RECORDED, NOT_MINE = 0, 1, 3


def make_host(
    config: Config,
    base: BaseZygote,
    kind: str,
    name: str,
    job_id: int | None,
    most_at_once: int = sys.maxsize,
    *,
    on_end: Callable[[str, str | None], None] = lambda *_: None,
) -> HostLoop:
    """Return a host on an open store, with the base zygote at the other end of `base`."""
    from airflow_lite.clock import SystemClock
    from airflow_lite.store.engine import open_store
    from airflow_lite.worker.host.loop import HostLoop
    from airflow_lite.worker.settings import HostSettings

    raise_soft_limit()  # after the base zygote is there, whose children user code is
    settings = HostSettings.read(config)
    who = supervisor(settings, kind, name, job_id)
    store = open_store(config, name="host" if kind == "host" else "tasks")
    return HostLoop(settings, store, who, base, SystemClock(), most_at_once, on_end=on_end)


def main(arguments: list[str]) -> int:
    """Be the host of the scheduler at the other end of the descriptor."""
    from airflow_lite.config import Config
    from airflow_lite.errors import UserError
    from airflow_lite.processes.channel import Channel
    from airflow_lite.processes.packing import send
    from airflow_lite.worker.messages import StoreTrouble

    name, job, fd, *most = arguments
    scheduler = socket.socket(fileno=int(fd))
    os.set_inheritable(scheduler.fileno(), False)
    log_masked(safe(sys.stderr), logging.INFO, "%(asctime)s task-host %(levelname)s %(message)s")
    config = Config.load()
    base = fork_base(scheduler)
    try:
        host = make_host(config, base, "host", name, int(job) if job else None, *map(int, most))
    except UserError as error:
        # Whoever starts it again and again tells it once.
        trouble = StoreTrouble(f"its task host cannot start: {error}")
        send(Channel(scheduler), trouble)
        return 1
    host.stop_on_signals(config.getfloat("core", "killed_task_cleanup_time"))
    host.serve(scheduler)
    host.run()
    _leave_lost_store(host)
    return 0


def run_one(command: RunCommand, config: Config) -> int:
    """Claim and run one attempt; return when its outcome is recorded, or 3 if it is not ours.

    SIGTERM stops the task as a cancel does; a second one kills it.
    """
    from airflow_lite.worker.host.loop import UNRECORDED

    odd = {None: NOT_MINE, UNRECORDED: NOT_RECORDED}
    codes: list[int] = []

    def end(_token: str, state: str | None) -> None:
        codes.append(odd.get(state, RECORDED))
        host.drain()

    base = fork_base()
    host = make_host(config, base, "foreground", uuid.uuid4().hex, None, on_end=end)
    host.stop_on_signals(config.getfloat("core", "killed_task_cleanup_time"))
    host.accept(command)
    host.run()
    _leave_lost_store(host)
    return codes[0] if codes else NOT_RECORDED


def _leave_lost_store(host: HostLoop) -> None:
    """End the process where it is, if what it has open must not be written to.

    Closed, SQLite's connections write a log that was removed into what others use by now.
    """
    if host.has_lost_store:
        os._exit(NOT_RECORDED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
