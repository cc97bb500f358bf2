"""The base zygote: the process that forks file zygotes. No SQLAlchemy here, and no user code.

The base zygote forks a file zygote for each DAG file; that parses the file once and forks a child
per attempt. Both end when the host's end of their channel closes, and take their children along.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from airflow_lite.authoring.secrets.search import locate_backend
from airflow_lite.imports import uncollected
from airflow_lite.parsing import load
from airflow_lite.processes.channel import Channel
from airflow_lite.processes.children import die_with_parent, prctl
from airflow_lite.processes.limits import is_shortage, set_soft_limit
from airflow_lite.processes.packing import receive, send
from airflow_lite.processes.proc import kill_session
from airflow_lite.secrets_masker import secrets_masker
from airflow_lite.security.cipher import KEY_VARIABLE as FERNET_KEY_VARIABLE
from airflow_lite.security.signing import KEY_VARIABLE
from airflow_lite.worker.messages import TO_BASE, ZygoteEnded, ZygoteForked
from airflow_lite.worker.task import sentry
from airflow_lite.worker.zygote.dag_file import DagFileZygote
from airflow_lite.worker.zygote.reaper import Reaper, in_child, serve

if TYPE_CHECKING:
    from airflow_lite.worker.messages import ForkZygote


def main(host: socket.socket, *, for_one: bool = False) -> NoReturn:
    """Be the base zygote, on the other end of `host`; `for_one` attempt, or for many."""
    try:
        _silence()
        with uncollected():
            _import()
        if not for_one:
            _warm_up()
        _settle()
        _BaseZygote(Channel(host), for_one=for_one).serve()
    finally:
        os._exit(0)


def _silence() -> None:
    """Give up streams and the host's signal handlers, so that no child has to.

    What a DAG file prints while it is imported goes nowhere.
    """
    for name in (KEY_VARIABLE, FERNET_KEY_VARIABLE):  # not for what runs user code
        os.environ.pop(name, None)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    for stream in (sys.stdout, sys.stderr):  # what a file keeps of them tells its tasks' lines
        with suppress(AttributeError, ValueError):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _import() -> None:
    """Import here, once, what every child needs; a child that imports is a slow child."""
    import airflow_lite.authoring.connection
    import airflow_lite.authoring.context
    import airflow_lite.authoring.render
    import airflow_lite.authoring.variable
    import airflow_lite.parsing.errors
    import airflow_lite.parsing.file
    import airflow_lite.parsing.load
    import airflow_lite.worker.task.child
    import airflow_lite.worker.task.context  # noqa: F401


def _warm_up() -> None:
    """Do here, once, what every child does, so that each finds its way worn."""
    import jinja2.sandbox  # noqa: F401

    from airflow_lite.worker.task.child import TaskOutput
    from airflow_lite.worker.zygote.warm_up import warm_up

    warm_up(TaskOutput())


def _settle() -> None:
    """Leave this process as a file that is imported finds any program."""
    secrets_masker()
    locate_backend()
    prctl()
    root = logging.getLogger()
    root.handlers.clear()
    root.setLevel(logging.WARNING)


class _BaseZygote:
    def __init__(self, channel: Channel, *, for_one: bool) -> None:
        self._channel = channel
        self._for_one = for_one
        self._reaper = Reaper()
        self._numbers: dict[int, int] = {}
        self._alone: set[int] = set()

    def serve(self) -> None:
        self._reaper.deafen()
        gc.collect()
        gc.freeze()
        serve(self._channel, self._reaper, self._hear, self._ended)
        for pid in self._alone & self._numbers.keys():
            kill_session(pid)

    def _hear(self) -> None:
        for order in receive(self._channel, TO_BASE):
            self._fork(order)

    def _fork(self, order: ForkZygote) -> None:
        fd = self._channel.fds.popleft()
        parent = os.getpid()
        if order.sentry:
            sentry.preload()
        load.preload(order.path)
        try:
            pid = self._reaper.fork()
        except OSError as error:  # no process more, for one
            os.close(fd)
            reason = f"{order.path}: no process could be started for it: {error}"
            send(self._channel, ZygoteEnded(order.number, None, reason, is_shortage(error)))
            return
        if pid == 0:
            in_child(lambda: self._be_file_zygote(order, fd, parent))
        os.close(fd)
        self._numbers[pid] = order.number
        if order.is_alone:
            self._alone.add(pid)
        send(self._channel, ZygoteForked(order.number, pid))

    def _be_file_zygote(self, order: ForkZygote, fd: int, parent: int) -> None:
        self._channel.close()
        self._reaper.close()
        if order.is_alone:
            die_with_parent(parent)
        channel = Channel(socket.socket(fileno=fd))
        DagFileZygote(channel, order, preforks=not self._for_one).serve()

    def _ended(self, pid: int, code: int) -> None:
        self._alone.discard(pid)
        number = self._numbers.pop(pid, None)
        if number is not None:
            send(self._channel, ZygoteEnded(number, code))


if __name__ == "__main__":
    set_soft_limit(int(sys.argv[2]))  # a host has more than user code is used to
    main(socket.socket(fileno=int(sys.argv[1])))
