"""A task host's two ways in: a process of a scheduler's, or one attempt in this process.

`python -m airflow_lite.worker.host.main SUPERVISOR JOB FD [MOST]` is the first, `airflow-lite tasks
run` the second.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from airflow_lite.errors import StoreOutOfReachError
from airflow_lite.imports import uncollected
from airflow_lite.plugins.timetables import find_timetables
from airflow_lite.processes.backoff import Backoff
from airflow_lite.processes.limits import raise_soft_limit
from airflow_lite.task_logger import log_masked
from airflow_lite.terminal import safe
from airflow_lite.worker.host.identity import supervisor
from airflow_lite.worker.zygote.start import BaseZygote, fork_base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_lite.config import Config
    from airflow_lite.keys import RunCommand
    from airflow_lite.store.connection import HostStore
    from airflow_lite.worker.host.loop import HostLoop

logger = logging.getLogger(__name__)

#: Exit codes: the outcome is recorded, whatever it was; the attempt is not ours to run; neither.
RECORDED, NOT_RECORDED, NOT_MINE = 0, 1, 3
#: Seconds until a server that is out of reach is tried again, doubled up to the longest, and for
#: how long in all by the process of a single attempt.
FIRST_RETRY_S, LONGEST_RETRY_S, OUT_OF_REACH_S = 0.5, 5.0, 60.0
#: The variable by which a process can tell that it is the first of a pod made for one attempt.
POD_MARK = "AIRFLOW_IS_K8S_EXECUTOR_POD"


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
    with uncollected():
        from airflow_lite.clock import SystemClock
        from airflow_lite.worker.host.loop import HostLoop
        from airflow_lite.worker.settings import HostSettings

    raise_soft_limit()  # after the base zygote is there, whose children user code is
    settings = HostSettings.read(config, is_for_one=kind != "host")
    who = supervisor(settings, kind, name, job_id)
    find_timetables(config)  # a task may trigger a DAG, whose runs have intervals
    with uncollected():  # it imports the database's driver
        store = _opened(config, is_for_one=kind != "host")
    return HostLoop(settings, store, who, base, SystemClock(), most_at_once, on_end=on_end)


def _opened(config: Config, *, is_for_one: bool) -> HostStore:
    return _opened_in_time(config) if is_for_one else _opened_now(config, "host")


def _opened_in_time(config: Config) -> HostStore:
    """Wait for a server that is out of reach: ended, the process would cost its try a requeue."""
    backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
    while True:
        try:
            return _opened_now(config, "tasks")
        except StoreOutOfReachError as error:
            now = time.monotonic()
            if not backoff.failures:
                signal.signal(signal.SIGTERM, _leave)  # the first process of a pod has no default
                cause = " ".join(str(error).split())
                logger.warning("%s Trying again for %g s.", cause, OUT_OF_REACH_S)
            delay_s = backoff.fail(now)
            if backoff.lasted_s(now) + delay_s > OUT_OF_REACH_S:
                raise
            time.sleep(delay_s)


def _leave(*_: object) -> NoReturn:
    sys.exit(NOT_RECORDED)


def _opened_now(config: Config, name: str) -> HostStore:
    from airflow_lite.store.lean import open_lean

    store = open_lean(config, name)
    if store is not None:
        return store
    from airflow_lite.store.engine import open_store

    whole = open_store(config, name=name)  # which makes the tables where there are none
    store = open_lean(config, name)
    if store is None:
        return whole
    whole.close()
    return store


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

    Waits a minute for a server of the database that is out of reach, then raises
    `StoreOutOfReachError`. SIGTERM stops the task as a cancel does; a second one kills it.
    """
    base = fork_base(for_one=True)
    with uncollected():
        from airflow_lite.worker.host.loop import UNRECORDED

    odd = {None: NOT_MINE, UNRECORDED: NOT_RECORDED}
    codes: list[int] = []

    def end(_token: str, state: str | None) -> None:
        codes.append(odd.get(state, RECORDED))
        host.drain()

    host = make_host(config, base, "foreground", uuid.uuid4().hex, None, on_end=end)
    host.stop_on_signals(config.getfloat("core", "killed_task_cleanup_time"))
    with _teed(command, config):
        host.accept(command)
        host.run()
    _leave_lost_store(host)
    return codes[0] if codes else NOT_RECORDED


@contextmanager
def _teed(command: RunCommand, config: Config) -> Iterator[None]:
    """In a pod of an executor's, have the log on stdout as well, which is what is seen of it."""
    if os.environ.get(POD_MARK) != "True":
        yield
        return
    from airflow_lite.worker.task_log.tee import LogTee

    tee = LogTee(config.getpath("logging", "base_log_folder"), command.key)
    tee.start()
    try:
        yield
    finally:
        tee.close()


def _leave_lost_store(host: HostLoop) -> None:
    """End the process where it is, if what it has open must not be written to.

    Closed, SQLite's connections write a log that was removed into what others use by now.
    """
    if host.has_lost_store:
        os._exit(NOT_RECORDED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
